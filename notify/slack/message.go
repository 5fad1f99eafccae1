// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"tidewatch/notify"
)

// Slack's limits: https://docs.slack.dev/reference/block-kit/blocks.
const (
	maxText   = 3000 // of a section, in characters
	maxField  = 2000
	maxFields = 10
	maxBlocks = 50
)

// layout is how a message looks: a bar in the colour of how bad it is, and beside it
// what happened, the facts, why, and what to do.
func layout(m *notify.Message, w *notify.Words) slack.Attachment {
	blocks := []slack.Block{section(escape(w.Change, maxText))}
	for facts := w.Facts; len(facts) > 0; facts = facts[min(len(facts), maxFields):] {
		fields := make([]*slack.TextBlockObject, 0, maxFields)
		for _, f := range facts[:min(len(facts), maxFields)] {
			fields = append(fields, markdown("*"+escape(f.Name, maxField/2)+"*\n"+escape(f.Value, maxField/2)))
		}
		blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
	}
	if len(w.Evidence) > 0 {
		blocks = append(blocks, bullets("*Why*", w.Evidence))
	}
	if w.Verdict != "" {
		blocks = append(blocks, bullets("*Judged* "+escape(w.Verdict, maxText/2), w.Reasons))
	}
	if len(w.Actions) > 0 {
		blocks = append(blocks, bullets("*What to do*", w.Actions))
	}
	blocks = append(blocks, items(w.Items)...)
	blocks = blocks[:min(len(blocks), maxBlocks-1)]
	if w.Link != "" {
		blocks = append(blocks, slack.NewContextBlock("", markdown(anchor(w.Link, "Open in tidewatch"))))
	}
	return slack.Attachment{Color: notify.Colour(m, w), Fallback: escape(w.Title, maxText), Blocks: slack.Blocks{BlockSet: blocks}}
}

func markdown(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, text, false, false)
}

func section(text string) slack.Block { return slack.NewSectionBlock(markdown(text), nil, nil) }

// bullets is a list with a title, of as many lines as there is room for.
func bullets(text string, lines []string) slack.Block {
	for _, l := range lines {
		next := text + "\n• " + escape(l, maxText/4)
		if utf8.RuneCountInString(next) > maxText {
			break
		}
		text = next
	}
	return section(text)
}

// items is a digest's list, in as many sections as it needs.
func items(list []notify.Item) []slack.Block {
	var blocks []slack.Block
	text := ""
	for _, i := range list {
		line := "• " + escape(i.Text, maxText/4)
		if i.Link != "" {
			line = "• " + anchor(i.Link, i.Text)
		}
		if text != "" && utf8.RuneCountInString(text)+utf8.RuneCountInString(line)+1 > maxText {
			blocks, text = append(blocks, section(text)), ""
		}
		text = strings.TrimPrefix(text+"\n"+line, "\n")
	}
	if text != "" {
		blocks = append(blocks, section(text))
	}
	return blocks
}

// anchor is a link with its text. A pipe would end the address.
func anchor(link, text string) string {
	link = strings.NewReplacer("|", "%7C", " ", "%20").Replace(escape(link, maxText/2))
	return "<" + link + "|" + strings.ReplaceAll(escape(text, maxText/4), "|", "/") + ">"
}

// escape writes text so that Slack reads no mention, link or entity in it, at most a
// number of characters of it.
func escape(text string, most int) string {
	replace := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for n := most; ; n /= 2 {
		if out := replace.Replace(notify.Cut(text, n)); utf8.RuneCountInString(out) <= most {
			return out
		}
	}
}
