// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"

	"tidewatch/flow"
)

// Once templates and batch are there, a datagram allocates nothing: no record,
// no refresh of a template or of a rate, no damage.
func TestNoAllocation(t *testing.T) {
	loads := synthetic()
	tpl := setOf(2, templateOf(256, 8, 4, 96, variable, 12, 4))
	variableData := setOf(256, repeat(20, func(i int) []byte { return []byte{10, 0, 0, byte(i), 3, 'd', 'n', 's', 10, 0, 0, 2} }))
	options := setOf(1, optionsTemplate9(300, []int{1, 4}, []int{48, 1, 50, 4}))
	loads = append(loads,
		benchLoad{"IPFIX of variable length", from(messageIPFIX(0, 1, tpl)), from(messageIPFIX(0, 1, variableData))},
		benchLoad{"a biflow", from(messageIPFIX(0, 1, setOf(2, biflowSpec()))), from(messageIPFIX(0, 1, setOf(256, biflowRecord(0, 0), biflowRecord(9, 9))))},
		benchLoad{"templates refreshed", nil, from(message9(0, 1, setOf(0, templateOf(256, pairFields...)), options))},
		benchLoad{
			"rates refreshed", nil,
			from(message9(0, 1, options, setOf(300, u32(0), []byte{1}, u32(100), u32(0), []byte{2}, u32(200)))),
		},
		benchLoad{"data held for want of a template", nil, from(message9(0, 1, setOf(400, pairs(20))))},
		benchLoad{"sFlow summaries and counters", nil, from(messageSFlow(0,
			sampleOf(500, opaque(sampledIPv4, u32(600), u32(6), u64(1), u64(2), u64(3), u64(4))), opaque(counterSample, u64(0))))},
		benchLoad{"a broken set", nil, from(message9(0, 1, []byte{1, 0, 0, 3}))},
	)
	for _, l := range loads {
		t.Run(l.name, func(t *testing.T) {
			d, b := newDecoder(t, nil), flow.NewBatch(1024)
			run := func(in []datagram) {
				for _, g := range in {
					d.Decode(g.payload, g.from, g.received, b)
				}
				b.Reset()
			}
			run(l.setup)
			for range 500 { // fill what holds data, once
				run(l.loop)
			}
			if n := testing.AllocsPerRun(200, func() { run(l.loop) }); n != 0 {
				t.Errorf("%v allocations a datagram", n)
			}
		})
	}
}
