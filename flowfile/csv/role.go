// SPDX-License-Identifier: Apache-2.0

package csv

import "strings"

// role is what a column means.
type role uint8

const (
	none role = iota
	start
	end
	duration
	src
	dst
	srcPort
	dstPort
	proto
	tcpFlags
	packets
	bytesCount
	revPackets
	revBytes
	revFlags
	sampling
	exporter
	inIf
	outIf
	srcAS
	dstAS
	icmpType
	icmpCode
	// Binetflow alone has these.
	direction
	state
	totalPackets
	totalBytes
	srcPackets
	srcBytes
	// Shares of packets with a flag set, per direction (the Westermo data set).
	rateFin
	rateSyn
	rateRst
	ratePsh
	rateAck
	rateUrg
	revRateFin
	revRateSyn
	revRateRst
	revRatePsh
	revRateAck
	revRateUrg
	numRoles
)

// String is the name of the column in tidewatch's own header.
func (r role) String() string {
	names := [numRoles]string{
		"", "start", "end", "duration", "src", "dst", "src_port", "dst_port", "proto", "tcp_flags", "packets", "bytes",
		"rev_packets", "rev_bytes", "rev_tcp_flags", "sampling", "exporter", "in_if", "out_if", "src_as", "dst_as",
		"icmp_type", "icmp_code", "dir", "state", "tot_pkts", "tot_bytes", "src_pkts", "src_bytes",
	}
	return names[r]
}

// roleOf knows a column by its name: case, spaces and punctuation do not
// matter. Beside the own names stand those of nfdump's CSV, of Argus, and of the
// Westermo data set.
func roleOf(name string) role {
	plain := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return -1
	}, name)
	for r, aliases := range aliases() {
		for a := range strings.FieldsSeq(aliases) {
			if a == plain {
				return r
			}
		}
	}
	return none
}

func aliases() map[role]string {
	return map[role]string{
		start:        "start starttime first firstseen datefirstseen ts timestamp flowstart",
		end:          "end endtime last lastseen datelastseen te flowend",
		duration:     "duration dur td",
		src:          "src srcip srcaddr sourceip source sourceaddress saddr sa sips",
		dst:          "dst dstip dstaddr destip destinationip destination destinationaddress daddr da rips",
		srcPort:      "srcport sport sourceport sp",
		dstPort:      "dstport dport destport destinationport dp",
		proto:        "proto protocol prot pr",
		tcpFlags:     "tcpflags flags flg",
		packets:      "packets pkts ipkt spackets",
		bytesCount:   "bytes octets ibyt sbytessum",
		revPackets:   "revpackets packetsrev opkt rpackets",
		revBytes:     "revbytes bytesrev obyt rbytessum",
		revFlags:     "revtcpflags tcpflagsrev",
		sampling:     "sampling samplingrate",
		exporter:     "exporter router ra",
		inIf:         "inif input in",
		outIf:        "outif output out",
		srcAS:        "srcas sas",
		dstAS:        "dstas das",
		icmpType:     "icmptype",
		icmpCode:     "icmpcode",
		direction:    "dir",
		state:        "state",
		totalPackets: "totpkts",
		totalBytes:   "totbytes",
		srcPackets:   "srcpkts",
		srcBytes:     "srcbytes",
		rateFin:      "sfinrate",
		rateSyn:      "ssynrate",
		rateRst:      "srstrate",
		ratePsh:      "spshrate",
		rateAck:      "sackrate",
		rateUrg:      "surgrate",
		revRateFin:   "rfinrate",
		revRateSyn:   "rsynrate",
		revRateRst:   "rrstrate",
		revRatePsh:   "rpshrate",
		revRateAck:   "rackrate",
		revRateUrg:   "rurgrate",
	}
}
