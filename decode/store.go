// SPDX-License-Identifier: Apache-2.0

package decode

import "bytes"

// lookup finds a template and notes its use; one that lay idle for too long is
// forgotten instead.
func (d *Decoder) lookup(ex *exporter, key templateKey, now int64) *template {
	t := ex.templates[key]
	if t == nil {
		return nil
	}
	if now-t.used > int64(d.cfg.TemplateTTL) {
		ex.stats.TemplatesExpired++
		ex.drop(t)
		return nil
	}
	t.used = max(t.used, now)
	ex.used.touch(t)
	return t
}

// definition is a template as it stands in a set, before it is judged.
type definition struct {
	key     templateKey
	spec    []byte // its fields on the wire
	count   int    // how many fields
	scope   int    // options: how many of them are the scope
	options bool
}

// sameAs reports whether t says just that, so that a refresh costs nothing.
func (f *definition) sameAs(t *template) bool {
	return t.options == f.options && t.scope == f.scope && bytes.Equal(t.spec, f.spec)
}

// define stores a template and decodes what waited for it.
func (d *Decoder) define(m *message, f *definition) {
	old := m.ex.templates[f.key]
	if old != nil && f.sameAs(old) {
		old.used = max(old.used, m.received)
		m.ex.used.touch(old)
		m.res.Templates++
		return
	}
	if old != nil {
		m.ex.drop(old) // whatever replaces it, the exporter no longer means this
	}
	t, why := d.compileTemplate(f)
	if why != None {
		d.broken(m, why)
		return
	}
	t.used = m.received
	d.insert(m.ex, t)
	m.res.Templates++
	d.release(m, t)
}

// compileTemplate refuses what no exporter can mean or what is too large.
func (d *Decoder) compileTemplate(f *definition) (*template, Reason) {
	if f.key.id() < minDataSet {
		return nil, BadTemplate
	}
	if f.count > d.cfg.MaxFields || templateCost(f.spec) > d.cfg.MaxTemplateBytes {
		return nil, LargeTemplate
	}
	t := newTemplate(f)
	if t.size == 0 {
		return nil, EmptyTemplate
	}
	return t, None
}

// insert makes room by forgetting the least recently used templates.
func (d *Decoder) insert(ex *exporter, t *template) {
	for len(ex.templates) >= d.cfg.MaxTemplates || ex.templateBytes+t.cost > d.cfg.MaxTemplateBytes {
		ex.drop(ex.used.back())
		ex.stats.TemplatesEvicted++
	}
	ex.templates[t.key] = t
	ex.templateBytes += t.cost
	ex.used.touch(t)
}

// drop forgets a template.
func (ex *exporter) drop(t *template) {
	delete(ex.templates, t.key)
	ex.templateBytes -= t.cost
	ex.used.remove(t)
}

// withdraw forgets one template (RFC 7011, 8.1), or all of a domain's templates
// or options templates when id is that of their set.
func (ex *exporter) withdraw(domain uint32, id uint16) {
	if id >= minDataSet {
		if t := ex.templates[newTemplateKey(IPFIX, domain, id)]; t != nil {
			ex.drop(t)
		}
		return
	}
	for _, t := range ex.templates {
		if t.key.proto() == IPFIX && t.key.domain() == domain && t.options == (id == ipfixOptionsSet) {
			ex.drop(t)
		}
	}
}

// templateList is a ring with a sentinel: sentinel.next is the most recent.
type templateList struct{ sentinel template }

func (l *templateList) init() { l.sentinel.prev, l.sentinel.next = &l.sentinel, &l.sentinel }

func (l *templateList) remove(t *template) {
	t.prev.next, t.next.prev = t.next, t.prev
	t.prev, t.next = nil, nil
}

func (l *templateList) touch(t *template) {
	if l.sentinel.next == t {
		return
	}
	if t.next != nil {
		l.remove(t)
	}
	t.prev, t.next = &l.sentinel, l.sentinel.next
	t.prev.next, t.next.prev = t, t
}

func (l *templateList) back() *template { return l.sentinel.prev }
