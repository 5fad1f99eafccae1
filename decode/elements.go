// SPDX-License-Identifier: Apache-2.0

package decode

// column is what a field of a record fills. Columns run in this order, so that
// a column may rely on those above it.
type column uint8

const (
	noColumn column = iota
	colSrc
	colDst
	colSrcPort
	colDstPort
	colProto
	colFlags
	colBytes
	colPackets
	colInIf
	colOutIf
	colSrcAS
	colDstAS
	colEgress         // 1 marks the record
	colFragmentOffset // not 0 marks the record
	colFragmentFlags
	colEvent        // a firewall's event (Cisco NSEL)
	colICMPTypeCode // overrides DstPort of ICMP
	colICMPType
	colICMPCode
	colRate
	colInterval // packets taken in a row, and
	colSpace    // packets then let pass
	colSize     // packets taken out of
	colPopulation
	colProbability
	colSampler
	colBoot
	colDuration
	colEnd
	colStart
	colStartDelay // adds to the start
)

// element says where a field goes. Of several fields for one column the lowest
// rank is used, the next one where that is zero, and so on. unit is for times;
// for colDuration it is the unit of the duration.
type element struct {
	col  column
	rank uint8
	unit unit
}

// Private enterprise numbers that carry something we use.
const (
	penReverse = 29305 // RFC 5103: the same element, seen from the other end
	penCERT    = 6871  // YAF: TCP flags and reverse delay
)

// ianaElement places the elements of the IANA IPFIX registry; below 128 they are
// those of NetFlow v9 (RFC 3954, 8). Addresses and ports after NAT are left out:
// the flow as it came is what is watched.
func ianaElement(id uint16) element {
	switch id {
	case 1: // octetDeltaCount
		return element{col: colBytes}
	case 2: // packetDeltaCount
		return element{col: colPackets}
	case 4: // protocolIdentifier
		return element{col: colProto}
	case 6: // tcpControlBits
		return element{col: colFlags}
	case 7: // sourceTransportPort
		return element{col: colSrcPort}
	case 180, 182: // udpSourcePort, tcpSourcePort
		return element{col: colSrcPort, rank: 1}
	case 11: // destinationTransportPort
		return element{col: colDstPort}
	case 181, 183: // udpDestinationPort, tcpDestinationPort
		return element{col: colDstPort, rank: 1}
	case 8: // sourceIPv4Address
		return element{col: colSrc}
	case 27: // sourceIPv6Address
		return element{col: colSrc, rank: 1}
	case 12: // destinationIPv4Address
		return element{col: colDst}
	case 28: // destinationIPv6Address
		return element{col: colDst, rank: 1}
	case 10: // ingressInterface
		return element{col: colInIf}
	case 252: // ingressPhysicalInterface
		return element{col: colInIf, rank: 1}
	case 14: // egressInterface
		return element{col: colOutIf}
	case 253: // egressPhysicalInterface
		return element{col: colOutIf, rank: 1}
	case 16: // bgpSourceAsNumber
		return element{col: colSrcAS}
	case 17: // bgpDestinationAsNumber
		return element{col: colDstAS}
	case 61: // flowDirection
		return element{col: colEgress}
	case 88: // fragmentOffset
		return element{col: colFragmentOffset}
	case 197: // fragmentFlags
		return element{col: colFragmentFlags}
	case 233: // firewallEvent
		return element{col: colEvent}
	case 32, 139: // icmpTypeCodeIPv4, IPv6
		return element{col: colICMPTypeCode}
	case 176, 178: // icmpTypeIPv4, IPv6
		return element{col: colICMPType}
	case 177, 179: // icmpCodeIPv4, IPv6
		return element{col: colICMPCode}
	}
	if e := counterElement(id); e.col != noColumn {
		return e
	}
	if e := samplingElement(id); e.col != noColumn {
		return e
	}
	return timeElement(id)
}

// counterElement places the counters that stand in for elements 1 and 2.
func counterElement(id uint16) element {
	switch id {
	case 23: // postOctetDeltaCount, OUT_BYTES
		return element{col: colBytes, rank: 1}
	case 85: // octetTotalCount
		return element{col: colBytes, rank: 2}
	case 231: // initiatorOctets
		return element{col: colBytes, rank: 3}
	case 352: // layer2OctetDeltaCount
		return element{col: colBytes, rank: 4}
	case 353: // layer2OctetTotalCount
		return element{col: colBytes, rank: 5}
	case 24: // postPacketDeltaCount, OUT_PKTS
		return element{col: colPackets, rank: 1}
	case 86: // packetTotalCount
		return element{col: colPackets, rank: 2}
	case 298: // initiatorPackets
		return element{col: colPackets, rank: 3}
	}
	return element{}
}

func samplingElement(id uint16) element {
	switch id {
	case 34: // samplingInterval
		return element{col: colRate}
	case 50: // samplerRandomInterval
		return element{col: colRate, rank: 1}
	case 48, 302: // samplerId, selectorId
		return element{col: colSampler}
	case 305: // samplingPacketInterval
		return element{col: colInterval}
	case 306: // samplingPacketSpace
		return element{col: colSpace}
	case 309: // samplingSize
		return element{col: colSize}
	case 310: // samplingPopulation
		return element{col: colPopulation}
	case 311: // samplingProbability
		return element{col: colProbability}
	}
	return element{}
}

// timeElement ranks times by precision, those relative to a start-up after the
// absolute ones, and the time of an observed event last.
func timeElement(id uint16) element {
	switch id {
	case 156, 157: // flowStartNanoseconds, flowEndNanoseconds
		return element{startOrEnd(id == 156), 0, unitNanos}
	case 154, 155: // flowStartMicroseconds, flowEndMicroseconds
		return element{startOrEnd(id == 154), 1, unitMicros}
	case 152, 153: // flowStartMilliseconds, flowEndMilliseconds
		return element{startOrEnd(id == 152), 2, unitMillis}
	case 158, 159: // flowStartDeltaMicroseconds, flowEndDeltaMicroseconds
		return element{startOrEnd(id == 158), 3, unitDelta}
	case 22, 21: // flowStartSysUpTime, flowEndSysUpTime
		return element{startOrEnd(id == 22), 4, unitUptime}
	case 150, 151: // flowStartSeconds, flowEndSeconds
		return element{startOrEnd(id == 150), 5, unitSeconds}
	case 325: // observationTimeNanoseconds
		return element{colEnd, 6, unitNanos}
	case 324: // observationTimeMicroseconds
		return element{colEnd, 7, unitMicros}
	case 323: // observationTimeMilliseconds
		return element{colEnd, 8, unitMillis}
	case 322: // observationTimeSeconds
		return element{colEnd, 9, unitSeconds}
	case 160: // systemInitTimeMilliseconds
		return element{colBoot, 0, unitMillis}
	case 161: // flowDurationMilliseconds
		return element{colDuration, 1, unitMillis}
	case 162: // flowDurationMicroseconds
		return element{colDuration, 0, unitMicros}
	}
	return element{}
}

func startOrEnd(start bool) column {
	if start {
		return colStart
	}
	return colEnd
}

// certElement places CERT's elements; 0x4000 in the id marks the reverse one.
func certElement(id uint16, reverse bool) element {
	switch id {
	case 14, 15: // initialTCPFlags, unionTCPFlags: together all flags
		if !reverse {
			return element{col: colFlags, rank: 2}
		}
	case 14 | 0x4000, 15 | 0x4000:
		if reverse {
			return element{col: colFlags, rank: 2}
		}
	case 21: // reverseFlowDeltaMilliseconds
		if reverse {
			return element{col: colStartDelay}
		}
	}
	return element{}
}
