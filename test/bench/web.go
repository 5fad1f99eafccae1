// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

// pageLoad is one first visit of the dashboard by a browser that has nothing of it yet.
type pageLoad struct {
	First float64 `json:"first"` // milliseconds from the request to the first contentful paint
	Shown float64 `json:"shown"` // to the first numbers that the API gave
	Sent  float64 `json:"sent"`  // bytes of the page, its script and its style, as they went over the wire
	Whole float64 `json:"whole"` // the same, unpacked
	Files int     `json:"files"` // in how many answers
	Asked int     `json:"asked"` // answers of the API until then
}

// measured resolves once the counters of the overview show numbers and a paint was noted.
const measured = `new Promise((done) => {
	const look = () => {
		const first = performance.getEntriesByName('first-contentful-paint')[0]
		const counter = document.querySelector('.counters b')
		if (!first || !counter || !/[0-9]/.test(counter.textContent)) return requestAnimationFrame(look)
		const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
		const own = all.filter((e) => !e.name.includes('/api/'))
		const sum = (of) => own.reduce((n, e) => n + of(e), 0)
		done({
			first: first.startTime, shown: performance.now(), files: own.length, asked: all.length - own.length,
			sent: sum((e) => e.encodedBodySize), whole: sum((e) => e.decodedBodySize),
		})
	}
	look()
})`

// webBench opens the dashboard so many times, each in a browser of its own, and prints how
// large what it loads first is and how long a person waits: medians, the slowest beside them.
func webBench(out io.Writer, binary string, loads int) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("the dashboard is measured in Chromium, see `make packages`: %w", err)
	}
	t, err := tidewatch(binary)
	if err != nil {
		return err
	}
	defer t.stop()
	var all []pageLoad
	for range loads {
		one, err := firstVisit(path, t.api)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	of := func(what func(*pageLoad) float64) (median, most float64) {
		slices.SortFunc(all, func(a, b pageLoad) int { return cmp.Compare(what(&a), what(&b)) })
		return what(&all[len(all)/2]), what(&all[len(all)-1])
	}
	first, slowest := of(func(l *pageLoad) float64 { return l.First })
	shown, last := of(func(l *pageLoad) float64 { return l.Shown })
	_, _ = fmt.Fprintf(out, "first visit of the dashboard, median of %d (slowest), each in a new browser\n", loads)
	_, _ = fmt.Fprintf(out, "%-24s %8.1f kB packed, %.1f kB unpacked, %d files\n", "page, script and style", all[0].Sent/1e3, all[0].Whole/1e3, all[0].Files)
	_, _ = fmt.Fprintf(out, "%-24s %8.0f ms (%.0f)\n", "first contentful paint", first, slowest)
	_, _ = fmt.Fprintf(out, "%-24s %8.0f ms (%.0f), after %d answers of the API\n", "numbers are there", shown, last, all[0].Asked)
	return nil
}

func firstVisit(path, site string) (pageLoad, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, closes := chromedp.NewContext(ctx)
	defer closes()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		return pageLoad{}, fmt.Errorf("start Chromium: %w", err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(site+"/")); err != nil {
		return pageLoad{}, fmt.Errorf("open the dashboard: %w", err)
	}
	one, err := chromedp.Run(ctx, chromedp.Evaluate[pageLoad](measured, chromedp.EvalAwaitPromise))
	if err != nil {
		return pageLoad{}, fmt.Errorf("the overview shows no numbers within a minute; was it built with `make web`? %w", err)
	}
	if one.Sent == 0 || one.Files < 2 {
		return pageLoad{}, errors.New("the browser tells no sizes of what it loaded")
	}
	return one, nil
}
