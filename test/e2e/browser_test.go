// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what it must, on a busy machine.
const patience = 30 * time.Second

// browser is one window of a headless Chromium with a profile of its own.
type browser struct {
	*testing.T

	ctx      context.Context //nolint:containedctx // of the whole browser
	base     string
	mu       sync.Mutex // guards troubles
	troubles []string
}

// openBrowser starts one on a site, which must have the dashboard.
func openBrowser(t *testing.T, base string) *browser {
	t.Helper()
	requireDashboard(t, base)
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("the test of the dashboard needs Chromium, see `make packages`: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, closes := chromedp.NewContext(ctx)
	t.Cleanup(closes)
	b := &browser{T: t, ctx: ctx, base: base}
	// The first call starts the browser, and its context must not end before the test.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	return b
}

// hear keeps what a person would find in red in the console: errors, what the content
// security policy refused, answers that are none.
func (b *browser) hear(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "assert" {
			text = "console." + string(e.Type)
			for _, a := range e.Args {
				text += fmt.Sprintf(" %s %s", a.Value, a.Description)
			}
		}
	}
	if text == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, text)
}

// clean fails when the console told of any error since it was asked last.
func (b *browser) clean(where string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.troubles {
		b.Errorf("%s: the console says %s", where, text)
	}
	b.troubles = nil
}

// expected forgets what the console told that holds a text.
func (b *browser) expected(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = slices.DeleteFunc(b.troubles, func(trouble string) bool { return strings.Contains(trouble, text) })
}

// do takes steps as a person does. What is awaited must come within patience.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for n, step := range steps {
		if err := chromedp.Do(ctx, step); err != nil {
			b.fail(fmt.Sprintf("%s, step %d: %v", what, n+1, err))
		}
	}
}

// open goes to a page of the dashboard, named as after the '#' of its address.
func (b *browser) open(page string) {
	b.Helper()
	b.do("open "+page, chromedp.Navigate(b.base+"/#/"+page), chromedp.WaitVisible(chromedp.CSS("main")))
}

// click presses what a CSS selector names. A page that shows what goes on may move it
// away just then: a person, too, presses once more when nothing happened.
func (b *browser) click(selector string) {
	b.Helper()
	for range 3 {
		b.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
		look[bool](b, fmt.Sprintf(`(() => {
			window.pressed = false
			document.querySelector(%q)?.addEventListener('click', () => { window.pressed = true }, { capture: true, once: true })
			return true
		})()`, selector))
		b.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
		if look[bool](b, "window.pressed !== false") { // a page that was loaded anew does not know
			return
		}
		b.Logf("%s moved away; once more", selector)
	}
	b.fail("cannot be pressed: " + selector)
}

// fill types into what a CSS selector names.
func (b *browser) fill(selector, text string) {
	b.Helper()
	b.do("fill "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// until waits for an expression of JavaScript to hold.
func (b *browser) until(what, expression string, within time.Duration) {
	b.Helper()
	for end := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		if look[bool](b, "!!("+expression+")") {
			return
		}
		if time.Now().After(end) {
			b.fail(fmt.Sprintf("not within %v: %s", within, what))
		}
	}
}

// says waits for a text to stand on the page.
func (b *browser) says(text string) {
	b.Helper()
	b.until(fmt.Sprintf("the page says %q", text), fmt.Sprintf("document.body.innerText.includes(%q)", text), patience)
}

// look is the value of an expression of JavaScript.
func look[T any](b *browser, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.fail(fmt.Sprintf("%s: %v", expression, err))
	}
	return v
}

// fail ends the test with what is to be seen, and a picture of it where one is asked for.
func (b *browser) fail(why string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	address, _ := chromedp.Run(ctx, chromedp.Location()) // empty at worst
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if dir := os.Getenv(picturesDir); dir != "" {
		if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
			_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(b.Name(), "/", "-")+".png"), picture, 0o600)
		}
	}
	b.clean(address)
	b.Fatalf("%s\nat %s the page says:\n%s", why, address, text)
}

// before has every page run a script before its own.
func (b *browser) before(script string) {
	b.Helper()
	b.do("arrange", func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return chromedp.Void{}, err
	})
}

// pages are those of the navigation.
var pages = []string{"", "incidents", "devices", "explorer", "mitigations", "events", "exporters", "settings"}

// setMark leaves something that is gone once a page is loaded anew.
var setMark = chromedp.Evaluate[chromedp.Void]("window.marked = true")

// clickText presses the first element of a CSS selector that shows a text.
func clickText(selector, text string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf("[...document.querySelectorAll(%q)].find((e) => e.innerText.trim() === %q).click()", selector, text))
}
