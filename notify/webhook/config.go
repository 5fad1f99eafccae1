// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// Config says where messages go.
type Config struct {
	URL        string `yaml:"url,omitempty" secret:"true"`    // address that takes a POST; https:// beyond this machine
	URLFile    string `yaml:"url_file,omitempty"`             // file that holds the address alone, mode 0600, read at the start
	Secret     string `yaml:"secret,omitempty" secret:"true"` // key of the signature: whsec_ and the base64 of 24 to 64 random bytes
	SecretFile string `yaml:"secret_file,omitempty"`          // file that holds the key alone, mode 0600, read at the start
	CAFile     string `yaml:"ca_file,omitempty"`              // PEM file of the authorities to trust in place of the system's
}

var errAddress = errors.New("url must begin with https:// or http:// and name a host")

const prefix = "whsec_"

// keyOf reads the key of the signature. No error repeats it.
func keyOf(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, prefix))
	if err != nil || !strings.HasPrefix(secret, prefix) || len(key) < 24 || len(key) > 64 {
		return nil, errors.New(`secret must be whsec_ and the base64 of 24 to 64 random bytes; echo "whsec_$(openssl rand -base64 32)" makes one`)
	}
	return key, nil
}

// Validate reports the first value that makes no sense, and never repeats a secret.
func (c *Config) Validate() error {
	if (c.URL == "") == (c.URLFile == "") {
		return errors.New("one of url and url_file is needed")
	}
	if (c.Secret == "") == (c.SecretFile == "") {
		return errors.New("one of secret and secret_file is needed")
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return errAddress
		}
	}
	if c.Secret != "" {
		_, err := keyOf(c.Secret)
		return err
	}
	return nil
}
