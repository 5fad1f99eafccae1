// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package nftables

import (
	"context"
	"errors"
)

var errLinux = errors.New("nftables needs Linux")

type kernel struct{ cfg *Config }

func capable() error { return errLinux }

func (k *kernel) put(context.Context, *shape, place, *element) error { return errLinux }
func (k *kernel) remove(context.Context, place) error                { return errLinux }
func (k *kernel) list(context.Context) ([]found, error)              { return nil, errLinux }
func (k *kernel) tidy(context.Context) error                         { return errLinux }
