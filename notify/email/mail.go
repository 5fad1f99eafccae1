// SPDX-License-Identifier: Apache-2.0

package email

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"tidewatch/detect"
	"tidewatch/notify"
)

const maxSubject = 180 // runes; mail programs show less

// compose writes the mail of a message, with a text and an HTML part. All mails about
// one incident answer a mail that never was, so that mail programs keep them together.
func (s *Sink) compose(m *notify.Message) (*mail.Msg, error) {
	w := notify.Render(m)
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(s.cfg.From); err != nil {
		return nil, fmt.Errorf("read from: %w", err)
	}
	if err := msg.To(s.cfg.To...); err != nil {
		return nil, fmt.Errorf("read to: %w", err)
	}
	msg.Subject(notify.Cut("[tidewatch] "+w.Title, maxSubject))
	msg.SetDateWithValue(time.Now())
	msg.SetMessageIDWithValue(s.id(m.ID))
	if m.Key != "" && m.Incident != nil {
		root := "<" + s.id(m.Key+".thread") + ">"
		msg.SetGenHeader(mail.HeaderInReplyTo, root)
		msg.SetGenHeader(mail.HeaderReferences, root)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(mail.HeaderXAutoResponseSuppress, "All")
	if m.Status == notify.Trigger && w.Severity == detect.Critical {
		msg.SetImportance(mail.ImportanceHigh)
	}
	msg.SetBodyString(mail.TypeTextPlain, plain(w))
	var page bytes.Buffer
	if err := s.page.Execute(&page, look{Words: w, Colour: notify.Colour(m, w)}); err != nil {
		return nil, fmt.Errorf("write HTML: %w", err)
	}
	msg.AddAlternativeString(mail.TypeTextHTML, page.String())
	return msg, nil
}

// id is a Message-ID made of ours: the same message has it again when it is tried again.
func (s *Sink) id(of string) string {
	local := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' {
			return r
		}
		return '_'
	}, of)
	return strings.Trim(notify.Cut(local, 200), ".") + "@" + s.domain
}

// plain is the mail for those who read text.
func plain(w *notify.Words) string {
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\n") }
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			line("\n", title)
		}
		for _, l := range lines {
			line("- ", l)
		}
	}
	line(w.Title)
	line()
	line(w.Change)
	if len(w.Facts) > 0 {
		line()
	}
	for _, f := range w.Facts {
		line(fmt.Sprintf("%-13s %s", f.Name+":", f.Value))
	}
	list("Why:", w.Evidence)
	if w.Verdict != "" {
		line("\nJudged: ", w.Verdict)
	}
	for _, r := range w.Reasons {
		line("- ", r)
	}
	list("What to do:", w.Actions)
	if len(w.Items) > 0 {
		line()
	}
	for _, i := range w.Items {
		line("- ", i.Text)
		if i.Link != "" {
			line("  ", i.Link)
		}
	}
	if w.Link != "" {
		line("\n", w.Link)
	}
	return b.String()
}

// look is what the HTML part shows.
type look struct {
	*notify.Words

	Colour string
}

// parse makes the template of the HTML part. Mail programs know tables and styles of
// single elements, and show pictures and style sheets to few.
func parse() (*template.Template, error) {
	return template.New("mail").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light"><title>{{.Title}}</title></head>
<body style="margin:0;padding:16px 8px;background:#f1f5f9;color:#0f172a;font:16px/1.45 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<table role="presentation" cellpadding="0" cellspacing="0" style="width:100%;max-width:600px;margin:0 auto;background:#ffffff;border-collapse:collapse">
<tr><td style="border-top:6px solid {{.Colour}};padding:20px 16px 4px"><h1 style="margin:0;font-size:20px;line-height:1.3;color:{{.Colour}}">{{.Title}}</h1></td></tr>
<tr><td style="padding:4px 16px 12px">{{.Change}}</td></tr>
{{with .Facts}}<tr><td style="padding:0 16px 12px"><table cellpadding="0" cellspacing="0" style="width:100%;border-collapse:collapse;font-size:15px">
{{range .}}<tr><td style="padding:6px 12px 6px 0;border-top:1px solid #e2e8f0;color:#475569;vertical-align:top;white-space:nowrap">{{.Name}}</td><td style="padding:6px 0;border-top:1px solid #e2e8f0;word-break:break-word">{{.Value}}</td></tr>
{{end}}</table></td></tr>{{end}}
{{with .Evidence}}<tr><td style="padding:0 16px 4px"><b>Why</b><ul style="margin:4px 0 8px;padding-left:20px">{{range .}}<li>{{.}}</li>{{end}}</ul></td></tr>{{end}}
{{with .Verdict}}<tr><td style="padding:0 16px 4px"><b>Judged</b> {{.}}{{with $.Reasons}}<ul style="margin:4px 0 8px;padding-left:20px">{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}</td></tr>{{end}}
{{with .Actions}}<tr><td style="padding:0 16px 4px"><b>What to do</b><ul style="margin:4px 0 8px;padding-left:20px">{{range .}}<li>{{.}}</li>{{end}}</ul></td></tr>{{end}}
{{with .Items}}<tr><td style="padding:0 16px 4px"><ul style="margin:4px 0 8px;padding-left:20px">{{range .}}<li style="margin-bottom:6px">{{if .Link}}<a href="{{.Link}}" style="color:#1d4ed8">{{.Text}}</a>{{else}}{{.Text}}{{end}}</li>{{end}}</ul></td></tr>{{end}}
{{with .Link}}<tr><td style="padding:8px 16px 20px"><a href="{{.}}" style="display:inline-block;padding:10px 18px;background:#1d4ed8;color:#ffffff;text-decoration:none;border-radius:4px">Open in tidewatch</a></td></tr>{{end}}
</table></body></html>
`)
}
