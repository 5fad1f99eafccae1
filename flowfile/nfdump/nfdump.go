// SPDX-License-Identifier: Apache-2.0

// Package nfdump reads the files of nfcapd and nfdump: layout 1 (nfdump 1.6,
// records shaped by extension maps) and layout 2 (nfdump 1.7, records made of
// elements), uncompressed or with LZO, LZ4, bzip2 or zstd blocks.
package nfdump

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// Name is the format's name.
const Name = "nfdump"

// magic is the first word of a file, in the byte order of the machine that wrote it.
const magic = 0xa50c

// batch is how many records of a block one Read takes.
const batch = 4096

// Format returns the format for flowfile.Open.
func Format() flowfile.Format {
	return flowfile.Format{Name: Name, Detect: detect, Open: open}
}

func detect(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	le := binary.LittleEndian
	return le.Uint16(head) == magic && le.Uint16(head[2:]) <= 16 || isBigEndian(head)
}

func isBigEndian(head []byte) bool {
	be := binary.BigEndian
	return be.Uint16(head) == magic && be.Uint16(head[2:]) <= 16
}

func open(name string, r *bufio.Reader, o flowfile.Options) (flowfile.Reader, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	n := &reader{
		blocks: blocks{r: r, at: int64(h.size), codec: h.codec},
		header: h, tally: flowfile.NewTally(fmt.Sprintf("nfdump layout %d", h.layout)),
		sampling: o.Sampling, maps: map[uint16][]uint16{}, exporters: newExporters(o.Exporter),
	}
	return flowfile.Reorder(n, 0), nil
}

type reader struct {
	blocks    blocks
	header    header
	tally     *flowfile.Tally
	sampling  uint32
	maps      map[uint16][]uint16 // extensions by the id of their map (layout 1)
	exporters exporters
	block     []byte // what is left of the current block
	where     string // the current block, for messages
	ended     bool
	twoWay    bool // the note about outgoing counters was given
}

func (n *reader) Stats() flowfile.Stats {
	n.tally.SetExporters(n.exporters.count())
	return n.tally.Stats()
}

func (n *reader) Close() error { n.blocks.close(); return nil }

func (n *reader) Read(b *flow.Batch) (int, error) {
	before := b.Len()
	for b.Len()-before < batch {
		if len(n.block) == 0 {
			if n.ended {
				return b.Len() - before, io.EOF
			}
			if err := n.nextBlock(); err != nil {
				return b.Len() - before, err
			}
			continue
		}
		n.record(b)
	}
	return b.Len() - before, nil
}

// nextBlock reads the next block. Damage inside a block costs that block,
// damage to the chain of blocks ends the file.
func (n *reader) nextBlock() error {
	var err error
	n.block, err = n.blocks.next()
	n.where = fmt.Sprintf("block %d at byte %d", n.blocks.count, n.blocks.start)
	var cut *cutError
	var bad *blockError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		n.ended = true
		if want := uint64(n.header.blocks); n.blocks.count < want {
			n.tally.Skip(flowfile.ReasonCut, fmt.Sprintf("truncated at byte %d", n.blocks.at),
				fmt.Sprintf("the header tells of %d blocks and there are %d", want, n.blocks.count))
		}
	case errors.As(err, &cut):
		n.ended = true
		n.tally.Skip(flowfile.ReasonCut, fmt.Sprintf("truncated at byte %d", cut.at), cut.Error())
	case errors.As(err, &bad):
		n.ended = bad.fatal
		n.tally.Skip("bad_block", n.where, bad.what)
	default:
		return fmt.Errorf("read %s: %w", n.where, err)
	}
	return nil
}

// The record types.
const (
	typeCommonV0   = 1 // up to nfdump 1.6.7
	typeMap        = 2
	typeExporter   = 7
	typeSamplerOld = 9
	typeCommon     = 10 // nfdump 1.6
	typeV3         = 11 // nfdump 1.7
	typeSampler    = 15
)

// record takes the next record off the block.
func (n *reader) record(b *flow.Batch) {
	le := binary.LittleEndian
	size := 0
	if len(n.block) >= 4 {
		size = int(le.Uint16(n.block[2:]))
	}
	if size < 4 || size > len(n.block) {
		n.tally.Skip("bad_record", n.where, fmt.Sprintf("a record of %d bytes where %d are left; the rest of the block is lost", size, len(n.block)))
		n.block = nil
		return
	}
	rec := n.block[:size]
	n.block = n.block[size:]
	ok := true
	switch le.Uint16(rec) {
	case typeCommonV0:
		ok = n.common(b, rec, 28)
	case typeCommon:
		ok = n.common(b, rec, 32)
	case typeV3:
		ok = n.v3(b, rec)
	case typeMap:
		ok = n.extensionMap(rec)
	case typeExporter:
		ok = n.exporters.info(rec)
	case typeSampler:
		ok = n.exporters.sampler(rec)
	case typeSamplerOld:
		ok = n.exporters.samplerOld(rec)
	default: // statistics, names of interfaces and applications, what later versions add
	}
	if !ok {
		n.tally.Skip("bad_record", n.where, fmt.Sprintf("a record of type %d is too short for what it says", le.Uint16(rec)))
	}
}
