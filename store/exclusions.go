// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"

	"tidewatch/exclude"
)

const exclusions = "exclusions"

// Exclusions returns the exclusions that people added, oldest first.
func (s *Store) Exclusions(ctx context.Context) ([]exclude.Entry, error) {
	return listAdded[exclude.Entry](ctx, s, exclusions)
}

// except adds an exclusion, takes one away, and forgets those that are over for long.
func except(ctx context.Context, tx *sql.Tx, c *Change) error {
	if c.Exclude != nil {
		if err := insertAdded(ctx, tx, exclusions, added{c.Exclude.ID, c.Exclude.Added, c.Exclude}); err != nil {
			return err
		}
	}
	if c.Include != "" {
		if err := deleteAdded(ctx, tx, exclusions, c.Include, exclude.ErrNotFound); err != nil {
			return err
		}
	}
	return forgetAdded(ctx, tx, exclusions, c.Lapsed)
}
