// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// Trial says how a flow looks like one of many attempts: a connection asked for in
// vain, a probe, or a login.
type Trial uint8

// The trials. A flow of an ordinary session is none.
const (
	NoTrial  Trial = iota
	TrySyn         // SYN alone: no answer, or a refusal
	TryHalf        // SYN and RST without ACK: answered, and broken off before it was open
	TryOdd         // FIN, null and Xmas probes, which no stack sends
	TryOpen        // opened, nothing said, closed
	TryUDP         // a datagram or two, of a device that gets few answers
	TryICMP        // likewise an echo request or two
	TryLogin       // a short session with a port that people log in to
	NumTrials
	tryRefused // an answer: RST
	tryAnswer  // an answer: SYN and ACK
	tryLong    // a longer session with such a port
)

// String names the trial as it stands in evidence.
func (t Trial) String() string {
	return [...]string{"", "syn", "half_open", "odd_flags", "connect", "udp", "icmp_echo", "login"}[t]
}

const (
	// A session that said nothing: SYN, ACK and FIN or RST, with the last of them
	// repeated once or twice. Headers alone have at most 60 bytes over IPv4, 80 over IPv6.
	saidNothing, header4, header6 = 6, 60, 80
	// A SYN is sent seven times at most (Linux, tcp_syn_retries).
	synTries = 7
	// A login that failed takes the client 5 to 20 packets of SSH (CESNET NEMEA,
	// hoststats); three passwords a connection, or the handshake of remote desktop, some
	// more. A version check of a monitor takes up to six.
	loginFewest, sshFewest, loginMost, loginBytes = 5, 7, 30, 8000
	// What a login that succeeded is at least: three times the longest failed one.
	longPackets = 3 * loginMost
)

// trialOf sorts a flow by its shape alone. Under sampling only what needs no count of
// packets is told.
func trialOf(p *piece, flags uint8) Trial {
	small := p.rate <= 1 && p.packets <= 2
	switch p.class {
	case flow.TCPSyn:
		if p.rate <= 1 && p.packets > synTries {
			return NoTrial // nobody asks that often: a flood
		}
		return TrySyn
	case flow.TCPFin, flow.TCPXmas:
		return TryOdd
	case flow.TCPOther:
		if flags&(flow.SYN|flow.RST|flow.ACK|flow.FIN) == flow.SYN|flow.RST && p.mark&flow.NoTCPFlags == 0 {
			return TryHalf
		}
	case flow.TCPSession:
		return sessionTrial(p)
	case flow.TCPNull: // some exporters tell no flags and do not say so: bare headers only
		if small && p.bytes <= header4*p.packets {
			return TryOdd
		}
	case flow.TCPRst:
		if small {
			return tryRefused
		}
	case flow.TCPSynAck:
		if p.rate <= 1 {
			return tryAnswer
		}
	case flow.UDP:
		if small && !byService(p) {
			return TryUDP
		}
	case flow.ICMP:
		if small && (p.dstPort == 8<<8 || p.dstPort == 128<<8) {
			return TryICMP
		}
	default:
	}
	return NoTrial
}

// sessionTrial sorts sessions: most carry more than a trial does and go to no login.
func sessionTrial(p *piece) Trial {
	if p.rate > 1 || byService(p) {
		return NoTrial
	}
	if p.packets <= saidNothing && p.bytes <= header6*p.packets && (p.bytes <= header4*p.packets || !p.dst.Is4()) {
		return TryOpen
	}
	l := LoginOf(p.dstPort)
	switch {
	case l == NoLogin:
		return NoTrial
	case p.packets >= longPackets:
		return tryLong
	case p.packets <= loginMost && p.bytes <= loginBytes && p.packets >= fewest(p.dstPort):
		return TryLogin
	}
	return NoTrial
}

func fewest(port uint16) uint64 {
	if port == 22 {
		return sshFewest
	}
	return loginFewest
}

// byService reports whether the sender is the server, by the ports; see serves.
func byService(p *piece) bool { return serves(Out, p) }

// Login says what kind of login a port leads to.
type Login uint8

// The kinds of logins.
const (
	NoLogin  Login = iota
	Remote         // shells, desktops and files: people and few programs
	Database       // programs without pooled connections look like failed logins
	Mail           // programs ask for mail in short sessions
)

// LoginOf tells the kind of a TCP port.
func LoginOf(port uint16) Login {
	switch port {
	case 21, 22, 23, 139, 445, 2222, 2323, 3389, 5900, 5985, 5986:
		return Remote
	case 1433, 1521, 3306, 5432, 6379, 9200, 27017:
		return Database
	case 110, 143, 465, 587, 993, 995:
		return Mail
	}
	return NoLogin
}
