// SPDX-License-Identifier: Apache-2.0

package house

import (
	"reflect"
	"strings"
	"testing"

	"tidewatch/notify/email"
	"tidewatch/notify/pagerduty"
	"tidewatch/notify/slack"
	"tidewatch/notify/syslog"
)

// TestKeysOfSinks holds the page of each kind of sink to the comments in the code: the
// generated page has no keys of what stands in a list.
func TestKeysOfSinks(t *testing.T) {
	all := files(t)
	for page, typ := range map[string]reflect.Type{
		"connect-slack.md": reflect.TypeFor[slack.Config](), "connect-pagerduty.md": reflect.TypeFor[pagerduty.Config](),
		"send-mail.md": reflect.TypeFor[email.Config](), "connect-a-siem.md": reflect.TypeFor[syslog.Config](),
	} {
		meaning, comments := map[string]string{}, map[string]map[string]string{}
		collect(t, typ, "", comments, meaning)
		for key, doc := range meaning {
			if row := "\n| `" + key + "` | " + doc + " |\n"; doc == "" || !strings.Contains(string(all["docs/how-to/"+page]), row) {
				t.Errorf("docs/how-to/%s has no line %q", page, row)
			}
		}
	}
}
