// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"errors"
	"io"
	"net/netip"
	"slices"

	"tidewatch/decode"
	"tidewatch/decode/packet"
	"tidewatch/flow"
	"tidewatch/flowfile"
)

// sniffed is how many UDP payloads decide what a capture is. Exports are told
// by a majority, so that stray look-alikes do not turn a capture over.
const sniffed = 200

// held is a frame read while sniffing.
type held struct {
	frame
	copy []byte
}

// sniff reads the first frames, at most 20 for each payload wanted, and decides
// what the capture is.
func (d *reader) sniff(o *flowfile.Options) error {
	var f frame
	var i packet.Info
	udp, exports, size := 0, 0, 0
	for len(d.early) < 20*sniffed && udp < sniffed && size < maxFrame {
		err := d.capture.next(&f)
		if err != nil {
			if len(d.early) == 0 && !errors.Is(err, io.EOF) {
				return err
			}
			d.finish(err)
			break
		}
		size += len(f.data)
		d.early = append(d.early, held{frame: f, copy: append([]byte(nil), f.data...)})
		if packet.Decode(f.link, f.data, f.wire, &i) == packet.None && i.Proto == flow.ProtoUDP && len(i.Payload) > 0 {
			udp++
			if decode.Sniff(i.Payload) != decode.Unknown {
				exports++
			}
		}
	}
	if exports == 0 || 2*exports <= udp {
		return nil
	}
	cfg := o.DecodeConfig
	cfg.Clock, cfg.Seen = decode.ClockExport, o.Exporter
	if o.Sampling > 0 {
		everyone := []decode.SamplingRule{
			{Exporter: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Rate: o.Sampling},
			{Exporter: netip.PrefixFrom(netip.IPv6Unspecified(), 0), Rate: o.Sampling},
		}
		cfg.Sampling = append(slices.Clip(cfg.Sampling), everyone...)
	}
	dec, err := decode.New(cfg)
	if err != nil {
		return err
	}
	d.exports, d.stats.Format = dec, ExportFormat
	return nil
}
