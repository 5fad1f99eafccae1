// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/slack-go/slack"

	"tidewatch/notify"
)

// refusals are the errors of chat.postMessage and chat.update that another try does not
// mend. Others, also those that Slack may invent, are tried again.
func refusals() []string {
	return []string{
		// who we are, and what we may
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission", "missing_scope", "not_allowed_token_type",
		"org_login_required", "ekm_access_denied", "team_access_not_granted", "enterprise_is_restricted", "access_denied", "two_factor_setup_required",
		// where to
		"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
		"restricted_action_thread_locked", "restricted_action_non_threadable_channel", "messages_tab_disabled", "as_user_not_supported",
		"cannot_reply_to_message",
		// what
		"msg_too_long", "no_text", "too_many_attachments", "invalid_attachments", "invalid_blocks", "invalid_blocks_format", "attachment_payload_limit_exceeded",
		"invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_charset", "invalid_form_data", "invalid_post_type", "missing_post_type",
	}
}

// stale are the errors of chat.update when a message was deleted, may not be changed, or
// lies in a channel that is not ours any more: it is posted anew.
func stale() []string {
	return []string{"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "not_in_channel", "is_archived"}
}

// code is the word by which Slack names an error.
func code(err error) string {
	if e, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return e.Err
	}
	return ""
}

// judge says of an answer to slack-go whether and when another try can help. To it what
// is not ok, and gives no reason, is no error: such an answer has no time stamp.
func judge(ts string, err error) error {
	if err == nil && ts == "" {
		return errors.New("what answered is not Slack: it names no message")
	}
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return notify.After(errors.New("the rate limit is reached"), e.RetryAfter)
	}
	if e, ok := errors.AsType[slack.StatusCodeError](err); ok {
		said := fmt.Errorf("answered %s", e.Status)
		if e.Code < 500 && e.Code != http.StatusTooManyRequests && e.Code != http.StatusRequestTimeout && e.Code != http.StatusTooEarly {
			return notify.Permanent(said)
		}
		return said
	}
	if word := code(err); word != "" {
		said := errors.New("refused: " + notify.Cut(notify.Line(word), 60))
		if slices.Contains(refusals(), word) {
			return notify.Permanent(said)
		}
		return said
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("reach Slack: %w", u.Err)
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	if syntax || kind || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("what answered is not Slack: no JSON in it")
	}
	return fmt.Errorf("ask Slack: %w", err)
}
