// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import "github.com/chromedp/chromedp"

// refuses is an administrator who asks for what cannot be. The dialog says why, where it is
// seen and heard, and stays until a press that also began beside it.
func refuses(b *browser) {
	b.Helper()
	b.open("settings/users")
	b.do("ask", clickText("button", "Add a user"))
	b.until("the first field has the focus", `document.activeElement?.matches('dialog[open] input')`, patience)
	b.fill("dialog[open] input", "ada")
	b.fill("dialog[open] input[type=password]", password)
	b.click("dialog[open] button.main")
	b.until("the dialog says why not", `document.querySelector('dialog[open]')?.innerText.includes('an account of that name exists')`, patience)
	b.expected("api/v1/users")
	press := func(begins string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](`document.querySelector('` + begins + `').dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}));
			document.querySelector('dialog[open]').dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	}
	b.do("mark text", press("dialog[open] input"))
	b.until("it is still open", `document.querySelector('dialog[open]')`, patience)
	b.do("press beside it", press("dialog[open]"))
	b.until("it is closed", `!document.querySelector('dialog[open]')`, patience)
}
