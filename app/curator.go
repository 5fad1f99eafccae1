// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tidewatch/api"
	"tidewatch/store"
)

// Curator changes what was learned: through the server that uses the data
// directory, at once, or in the directory itself when none does.
type Curator struct {
	library *Library
	remote  *remote
	by      string
}

// NewCurator finds out which of the two it is. by is who changes it.
func NewCurator(cfg *Config, by string) (*Curator, error) {
	lock, server, err := enter(cfg)
	if err != nil || server != nil {
		return &Curator{remote: server, by: by}, err
	}
	l, err := openLibrary(cfg, lock)
	if err != nil {
		return nil, err
	}
	return &Curator{library: l, by: by}, nil
}

// Close gives the data directory back.
func (c *Curator) Close() error {
	if c.library == nil {
		return nil
	}
	return c.library.Close()
}

type approveBody struct {
	Version string    `json:"version,omitempty"`
	Device  string    `json:"device,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	By      string    `json:"by,omitempty"`
}

// ApproveVersion marks a version, so that it is kept.
func (c *Curator) ApproveVersion(ctx context.Context, id string) error {
	if c.remote != nil {
		return c.remote.call(ctx, http.MethodPost, "/api/v1/baselines/approve", &approveBody{Version: id, By: c.by}, nil)
	}
	return unknownVersion(c.library.ApproveVersion(id))
}

// ApproveDevice trusts what a device, told by its address or name, does since a moment, and returns how many hours
// are trusted that were not, and the version that was saved.
func (c *Curator) ApproveDevice(ctx context.Context, device string, since time.Time) (hours int, version string, err error) {
	if c.remote != nil {
		var out api.Approval
		err := c.remote.call(ctx, http.MethodPost, "/api/v1/baselines/approve", &approveBody{Device: device, Since: since, By: c.by}, &out)
		return out.Hours, out.Version, err
	}
	hours, v, err := c.library.Approve(device, since)
	return hours, v.ID, err
}

// Freeze stops learning, or lets it go on, also after a restart.
func (c *Curator) Freeze(ctx context.Context, on bool) error {
	if c.remote != nil {
		return c.remote.call(ctx, http.MethodPost, "/api/v1/baselines/freeze", &struct {
			Frozen bool   `json:"frozen"`
			By     string `json:"by,omitempty"`
		}{on, c.by}, nil)
	}
	return c.library.Freeze(on)
}

// Rollback makes an old version the one in use, and returns the name of its copy.
func (c *Curator) Rollback(ctx context.Context, id string) (version string, err error) {
	if c.remote != nil {
		var out api.BaselineVersion
		err := c.remote.call(ctx, http.MethodPost, "/api/v1/baselines/rollback", &struct {
			Version string `json:"version"`
			By      string `json:"by,omitempty"`
		}{id, c.by}, &out)
		return out.ID, err
	}
	v, err := c.library.Rollback(id)
	return v.ID, unknownVersion(err)
}

func unknownVersion(err error) error {
	if errors.Is(err, store.ErrNoVersion) {
		return &InputError{err}
	}
	return err
}
