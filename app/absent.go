// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// howToLearn is what to do when nothing was learned.
const howToLearn = "tidewatch serve learns as it runs, tidewatch learn FILE from recorded flows"

// Absent says in one line that the data directory is not there and what to do; it is
// empty when the directory is there. What only looks never makes it.
func (c *Config) Absent() string {
	if _, err := os.Stat(c.DataDir); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return fmt.Sprintf("the data directory %s does not exist, so nothing was learned or saved yet; %s; is it another one (data_dir)?", c.DataDir, howToLearn)
}
