// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// saveEvery is how often templates are written, so that kill -9 costs little.
	saveEvery = 5 * time.Minute
	// savedVersion is the version of the file's shape.
	savedVersion = 1
)

// saved is the template file: what each decoder knew, and which it was.
type saved struct {
	Version int           `json:"version"`
	Sockets []savedSocket `json:"sockets"`
}

type savedSocket struct {
	Listen  string          `json:"listen"` // as configured
	Reader  int             `json:"reader"` // which of Readers
	Readers int             `json:"readers"`
	State   json.RawMessage `json:"state"`
}

// save writes the templates of all readers into one file. A failure is logged:
// it costs a restart some minutes of flows, not the run.
func (c *Collector) save() {
	if c.cfg.TemplateFile == "" {
		return
	}
	if err := c.writeTemplates(); err != nil {
		c.log.Warn("templates not saved; after a restart data waits for the exporters to resend them", "error", err)
	}
}

func (c *Collector) writeTemplates() error {
	out := saved{Version: savedVersion}
	for _, r := range c.readers {
		var state bytes.Buffer
		r.mu.Lock()
		err := r.decoder.Save(&state)
		r.mu.Unlock()
		if err != nil {
			return err
		}
		out.Sockets = append(out.Sockets, savedSocket{
			Listen: r.listen, Reader: r.number, Readers: c.cfg.Readers, State: state.Bytes(),
		})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode templates: %w", err)
	}
	return writeFile(c.cfg.TemplateFile, text)
}

// writeFile replaces the file at path in one step: a crash leaves the old one.
func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write templates: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write templates: %w", err)
	}
	return nil
}

// restore gives each decoder what its predecessor knew. When the number of
// readers changed, every reader of the address gets all of it: each uses what its
// exporters need.
func (c *Collector) restore() {
	if c.cfg.TemplateFile == "" {
		return
	}
	if err := c.readTemplates(); err != nil {
		c.log.Warn("saved templates not read; data waits for the exporters to resend them", "error", err)
	}
}

func (c *Collector) readTemplates() error {
	text, err := os.ReadFile(c.cfg.TemplateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	var in saved
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("read templates %s: %w", c.cfg.TemplateFile, err)
	}
	if in.Version != savedVersion {
		return fmt.Errorf("read templates %s: version %d is not %d", c.cfg.TemplateFile, in.Version, savedVersion)
	}
	for _, s := range in.Sockets {
		for _, r := range c.readers {
			if r.listen != s.Listen || s.Readers == c.cfg.Readers && r.number != s.Reader {
				continue
			}
			r.mu.Lock()
			err := r.decoder.Restore(bytes.NewReader(s.State))
			r.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	return nil
}
