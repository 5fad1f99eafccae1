// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"strings"
	"testing"
)

const (
	canary = "T0CANARY/never-to-be-seen"
	// The example of the specification: key, id, time, body and signature belong together.
	exampleKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// The signature is that of the specification's example and of its reference libraries.
func TestSignature(t *testing.T) {
	w, err := NewWebhook(&WebhookConfig{URL: "https://localhost/", Secret: exampleKey})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signed %s", got)
	}
}

func TestWebhookConfig(t *testing.T) {
	for name, c := range map[string]WebhookConfig{
		"no address":      {Secret: exampleKey},
		"two addresses":   {URL: "https://localhost/" + canary, URLFile: "/x", Secret: exampleKey},
		"no secret":       {URL: "https://localhost/" + canary},
		"two secrets":     {URL: "https://localhost/" + canary, Secret: exampleKey, SecretFile: "/x"},
		"another scheme":  {URL: "ftp://localhost/" + canary, Secret: exampleKey},
		"no host":         {URL: "https:///" + canary, Secret: exampleKey},
		"no address text": {URL: "https://local host/" + canary, Secret: exampleKey},
		"short secret":    {URL: "https://localhost/", Secret: "whsec_Q0FOQVJZ"},
		"plain secret":    {URL: "https://localhost/", Secret: "CANARY-CANARY-CANARY-CANARY-CANARY"},
	} {
		err := c.Validate()
		if err == nil || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "Q0FO") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []WebhookConfig{
		{URL: "https://localhost/x", Secret: exampleKey}, {URL: "http://127.0.0.1:9/", Secret: exampleKey}, {URLFile: "/a", SecretFile: "/b"},
	} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}
