// SPDX-License-Identifier: Apache-2.0

package incident

import "strings"

// changed says what became of an action since it was as before, nil for never; empty
// when it only lasts longer or is told of again.
func (a *Action) changed(before *Action) string {
	if before == nil || a.State != before.State || a.DryRun != before.DryRun || a.Name != before.Name ||
		a.Target != before.Target || a.Match != before.Match {
		return a.Text()
	}
	if a.Effect == before.Effect || a.Effect == "" || a.Effect == "unknown" {
		return ""
	}
	return a.what() + " " + a.effect()
}

// Text says in a sentence how an action stands.
func (a *Action) Text() string {
	text := a.what() + " " + a.standing()
	if a.Via != "" && !a.Over() {
		text += " (" + a.Via + ")"
	}
	switch {
	case a.Detail != "":
		text += ": " + a.Detail
	case a.Reason != "":
		text += ": " + spoken(a.Reason)
	}
	return text
}

// what names an action: what is done, and to which traffic.
func (a *Action) what() string {
	object := a.Match
	if object == "" || a.whole() {
		object = a.Target
	}
	text := strings.TrimSpace(spoken(a.Name) + " " + object)
	if a.DryRun {
		text = "dry run: " + text
	}
	return text
}

// whole reports whether the action takes all traffic of its target.
func (a *Action) whole() bool {
	return a.Name == "blackhole" || a.Name == "quarantine" || a.Name == "divert" || a.Name == hook
}

func (a *Action) standing() string {
	is := func(real, dry string) string {
		if a.DryRun {
			return dry
		}
		return real
	}
	until := ""
	if !a.Until.IsZero() {
		until = " until " + a.Until.UTC().Format("15:04:05") + " UTC"
	}
	switch a.State {
	case ActionProposed:
		return "is proposed"
	case ActionApproved:
		return is("is to come in force", "would come in force") + until
	case ActionActive:
		return is("is in force", "would be in force") + until
	case ActionExpiring:
		return is("is being taken back", "would be taken back")
	case ActionWithdrawn:
		return is("was taken back", "would be taken back")
	case ActionFailed:
		return "could not be carried out"
	case ActionRejected:
		return "was refused"
	}
	return "is " + a.State
}

// effect says what an action was seen to do.
func (a *Action) effect() string {
	hits := ""
	if a.Covers != nil {
		hits = quantity(*a.Covers, "share") + " of the attack"
	}
	if a.Collateral != nil {
		if hits != "" {
			hits += " and "
		}
		hits += quantity(*a.Collateral, "share") + " of what is usual"
	}
	if hits != "" {
		hits = ": it hits " + hits
	}
	switch a.Effect {
	case "helps":
		return "helps" + hits
	case "no_help":
		return "does not help" + hits
	case "harms":
		return "does harm" + hits
	}
	return "has an effect that is not known" + hits
}
