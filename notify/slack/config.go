// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"errors"
	"fmt"
	"strings"

	"tidewatch/outbound"
)

// Config is one channel of Slack: by a bot's token, which updates its messages and
// threads what changes, or by an incoming webhook, which can only post.
type Config struct {
	Token          string `yaml:"token,omitempty" secret:"true"`       // of a bot that may write (scope chat:write); it begins with xoxb-
	TokenFile      string `yaml:"token_file,omitempty"`                // file that holds the token alone, mode 0600, read at the start
	Channel        string `yaml:"channel,omitempty"`                   // with a token: id of the channel (C...), which the bot was invited to, or its name with #
	WebhookURL     string `yaml:"webhook_url,omitempty" secret:"true"` // in place of a token: address of an incoming webhook, which has its channel; also that of Mattermost
	WebhookURLFile string `yaml:"webhook_url_file,omitempty"`          // file that holds that address alone, mode 0600, read at the start
	URL            string `yaml:"url,omitempty"`                       // of Slack's Web API, empty: https://slack.com/api/
	CAFile         string `yaml:"ca_file,omitempty"`                   // PEM file of the authorities to trust in place of the system's, for a proxy that looks inside
}

// DefaultConfig is Slack itself. A token and a channel, or a webhook's address, are
// needed beside it.
func DefaultConfig() Config { return Config{URL: "https://slack.com/api/"} }

// Validate reports the first value that makes no sense. It never repeats a secret.
func (c *Config) Validate() error {
	for _, v := range [...][3]string{{"token", c.Token, c.TokenFile}, {"webhook_url", c.WebhookURL, c.WebhookURLFile}} {
		if v[1] != "" && v[2] != "" {
			return fmt.Errorf("%s and %s_file are both set; one of them is needed", v[0], v[0])
		}
	}
	bot, hook := c.Token+c.TokenFile != "", c.WebhookURL+c.WebhookURLFile != ""
	switch {
	case bot && hook:
		return errors.New("token and webhook_url are both set; one of them is needed")
	case !bot && !hook:
		return errors.New("token (with channel) or webhook_url is needed, or the file of one of them")
	case bot && c.Channel == "":
		return errors.New("channel is needed beside a token")
	case hook && c.Channel != "":
		return errors.New("channel is not for a webhook, which has its own")
	case strings.ContainsFunc(c.Token+c.WebhookURL+c.Channel, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("token, webhook_url and channel hold no blanks")
	}
	if c.WebhookURL != "" && !outbound.Sealed(c.WebhookURL) {
		return errors.New("webhook_url must be an address that begins with https")
	}
	if c.URL != "" && !outbound.Sealed(c.URL) {
		return fmt.Errorf("url must be an address like %s", DefaultConfig().URL)
	}
	return nil
}
