// SPDX-License-Identifier: Apache-2.0

package zeek

import "tidewatch/flow"

// flagsOf gives the TCP flags of both sides. history tells them packet by
// packet (upper case: originator); where it is missing, conn_state tells what
// must have been there. Zero means not known.
func flagsOf(history, state []byte) (orig, resp uint8) {
	for _, c := range history {
		f := letter(c | 0x20)
		if c&0x20 == 0 {
			orig |= f
		} else {
			resp |= f
		}
	}
	if orig|resp == 0 {
		return byState(string(state))
	}
	return orig, resp
}

// letter gives the flags that a letter of history stands for. Payload counts as
// PSH and ACK: a segment with data carries ACK by RFC 9293, and stacks set PSH
// on the last of each write. Bad checksums, gaps and ^ (direction guessed) tell
// no flag.
func letter(c byte) uint8 {
	switch c {
	case 's':
		return flow.SYN
	case 'h':
		return flow.SYN | flow.ACK
	case 'a', 'w': // pure ACK; zero window
		return flow.ACK
	case 'd', 't': // payload; retransmitted payload
		return flow.PSH | flow.ACK
	case 'f':
		return flow.FIN | flow.ACK
	case 'r':
		return flow.RST
	case 'q': // several that exclude each other, SYN and FIN or SYN and RST
		return flow.SYN | flow.FIN
	case 'i': // FIN and RST in one packet
		return flow.FIN | flow.RST
	}
	return 0
}

func byState(state string) (orig, resp uint8) {
	const open = flow.SYN | flow.ACK | flow.PSH
	switch state {
	case "S0":
		return flow.SYN, 0
	case "S1":
		return open, open
	case "SF":
		return open | flow.FIN, open | flow.FIN
	case "REJ":
		return flow.SYN, flow.RST | flow.ACK
	case "S2":
		return open | flow.FIN, open
	case "S3":
		return open, open | flow.FIN
	case "RSTO":
		return open | flow.RST, open
	case "RSTR":
		return open, open | flow.RST
	case "RSTOS0":
		return flow.SYN | flow.RST, 0
	case "RSTRH":
		return 0, flow.SYN | flow.ACK | flow.RST
	case "SH":
		return flow.SYN | flow.FIN, 0
	case "SHR":
		return 0, flow.SYN | flow.ACK | flow.FIN
	}
	return 0, 0
}
