// SPDX-License-Identifier: Apache-2.0

// Package mitigate stops attacks: a policy says what is to be done about an incident,
// guard rails (package guard) say what must not be, the ledger keeps every decision, and
// actuators, one sub-package each, carry them out. Every rule ends by itself.
//
// It reads the event stream of package incident at its own pace. Whatever fails, fails
// towards doing nothing: without a ledger nothing new is done, and what is done ends.
package mitigate
