// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"tidewatch/flow"
)

// exfil is one workstation's upload to an address nobody has ever talked to:
// one connection after the other, ten minutes each, exported piece by piece at
// the active timeout.
type exfil struct {
	from, to int64
	total    uint64 // IP bytes towards the thief
}

const connectionSeconds = 600

func (e *exfil) reach() int64 { return activeTimeout + overhead }

func (e *exfil) second(g *generator, sec int64) {
	at := sec - e.from
	if sec < e.from || sec >= e.to || at%activeTimeout != 0 {
		return
	}
	length := min(activeTimeout, e.to-sec)
	bytes := e.until(at+length) - e.until(at)
	packets := bytes/1452 + 1 // 1400 bytes of payload and the headers
	first := at%connectionSeconds == 0
	last := (at+length)%connectionSeconds == 0 || sec+length == e.to
	flags := pieceFlags(wholeTCP, first, last)
	port := uint16(40_000 + mix(g.seed, uint64(at/connectionSeconds))%20_000)
	up := flow.Record{
		Src: workstation(exfilHost, false), Dst: thief(), SrcPort: port, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flags,
		Start: sec*1e9 + 3e6, End: (sec+length)*1e9 - 4e6, InIf: ifOffice, OutIf: ifInternet,
		Packets: packets, Bytes: bytes,
	}
	down := up
	down.Src, down.Dst, down.SrcPort, down.DstPort = up.Dst, up.Src, up.DstPort, up.SrcPort
	down.InIf, down.OutIf = up.OutIf, up.InIf
	down.Packets = packets/2 + 1
	down.Bytes = down.Packets * tcp4
	g.piece(&up)
	g.piece(&down)
}

// until is how much has left after t seconds: the whole in the end, at a speed
// that swings by a third.
func (e *exfil) until(t int64) uint64 {
	part := float64(t) / float64(e.to-e.from)
	const swings = 7
	part += math.Sin(2*math.Pi*swings*part) / (2 * math.Pi * swings * 3)
	return uint64(float64(e.total) * min(max(part, 0), 1))
}
