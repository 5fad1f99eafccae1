// SPDX-License-Identifier: Apache-2.0

// Package hook has somebody's own program or web service act: scrubbing providers,
// firewalls, network access control, directories of accounts.
package hook
