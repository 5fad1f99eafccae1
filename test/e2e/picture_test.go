// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The widths that a page is looked at: of a desk and of the narrowest phone in common use.
const (
	desk  = 1280
	phone = 360
)

// wide gives the window another width.
func (b *browser) wide(width int64) {
	b.Helper()
	height := int64(800)
	if width == phone {
		height = 740
	}
	b.do("resize", chromedp.EmulateViewport(width, height))
}

// colours has the system prefer light or dark, as the page follows it.
func (b *browser) colours(scheme string) {
	b.Helper()
	b.do("prefer "+scheme, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	})
	b.until("it is "+scheme, "document.documentElement.dataset.theme === '"+scheme+"'", patience)
}

// picture keeps the whole page, from top to bottom, in a window as high as that.
func (b *browser) picture(dir, name string) {
	b.Helper()
	width := look[int64](b, "innerWidth")
	b.do("stretch", chromedp.EmulateViewport(width, max(800, look[int64](b, "document.documentElement.scrollHeight"))))
	defer b.wide(width)
	const drawn = `new Promise((done) => setTimeout(() => requestAnimationFrame(() => done(true)), 300))` // transitions take 120 ms
	look[bool](b, drawn)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	taken, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.fail("no picture: " + err.Error())
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), fewer(b.T, taken), 0o600); err != nil {
		b.Fatal(err)
	}
}

// fewer is the same picture in at most 256 colours, which takes a third of the space. Text
// and lines have few colours, and many shades at their edges: near ones become one.
func fewer(t *testing.T, taken []byte) []byte {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(taken))
	if err != nil {
		t.Fatal(err)
	}
	type shades struct{ r, g, b, n uint32 }
	near := map[uint32]*shades{} // by the five upper bits of each part
	size := from.Bounds()
	key := func(x, y int) (k, r, g, b uint32) {
		r, g, b, _ = from.At(x, y).RGBA()
		r, g, b = r>>8, g>>8, b>>8
		return r>>3<<10 | g>>3<<5 | b>>3, r, g, b
	}
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			k, r, g, b := key(x, y)
			s := near[k]
			if s == nil {
				s = &shades{}
				near[k] = s
			}
			s.r, s.g, s.b, s.n = s.r+r, s.g+g, s.b+b, s.n+1
		}
	}
	keys := make([]uint32, 0, len(near))
	for k := range near {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b uint32) int { return cmp.Or(cmp.Compare(near[b].n, near[a].n), cmp.Compare(a, b)) })
	var palette color.Palette
	index := map[uint32]uint8{}
	for _, k := range keys {
		s := near[k]
		mean := color.RGBA{R: uint8(s.r / s.n), G: uint8(s.g / s.n), B: uint8(s.b / s.n), A: 255}
		if len(palette) < 256 {
			palette = append(palette, mean)
		}
		index[k] = uint8(palette.Index(mean))
	}
	to := image.NewPaletted(size, palette)
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			k, _, _, _ := key(x, y)
			to.SetColorIndex(x, y, index[k])
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
