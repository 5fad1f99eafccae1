// SPDX-License-Identifier: Apache-2.0

package guard

import "net/netip"

// wellKnown are services of all the world at addresses that never change, each as its
// operator publishes them. Whoever attacks with made up sources likes to use these: a
// rule against them would take name resolution or the time from the own devices, which
// is more than the attack could. So no rule ever names one.
func wellKnown() []Protected {
	var out []Protected
	for _, s := range []struct {
		why       string
		addresses []string
	}{
		// Anycast resolvers that devices and forwarders use by configuration.
		{"Google Public DNS (developers.google.com/speed/public-dns)", []string{
			"8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844", "2001:4860:4860::64", "2001:4860:4860::6464",
		}},
		{"Cloudflare DNS (developers.cloudflare.com/1.1.1.1)", []string{
			"1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3",
			"2606:4700:4700::1111", "2606:4700:4700::1001", "2606:4700:4700::1112", "2606:4700:4700::1002",
			"2606:4700:4700::1113", "2606:4700:4700::1003", "2606:4700:4700::64", "2606:4700:4700::6400",
		}},
		{"Quad9 (quad9.net/service/service-addresses-and-features)", []string{
			"9.9.9.9", "149.112.112.112", "149.112.112.9", "9.9.9.10", "149.112.112.10", "9.9.9.11", "149.112.112.11",
			"2620:fe::fe", "2620:fe::9", "2620:fe::10", "2620:fe::fe:10", "2620:fe::11", "2620:fe::fe:11",
		}},
		{"OpenDNS (opendns.com/setupguide)", []string{
			"208.67.222.222", "208.67.220.220", "208.67.222.220", "208.67.220.222", "208.67.222.123", "208.67.220.123",
			"2620:119:35::35", "2620:119:53::53", "2620:119:35::123", "2620:119:53::123",
		}},
		{"UltraDNS Public, once Verisign's and Neustar's (vercara.com)", []string{
			"64.6.64.6", "64.6.65.6", "156.154.70.1", "156.154.71.1",
			"2620:74:1b::1:1", "2620:74:1c::2:2", "2610:a1:1018::1", "2610:a1:1019::1",
		}},
		{"AdGuard DNS (adguard-dns.io)", []string{
			"94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff",
		}},
		{"Level 3 DNS", []string{"4.2.2.1", "4.2.2.2", "4.2.2.3", "4.2.2.4", "4.2.2.5", "4.2.2.6"}},
		{"Yandex DNS (dns.yandex.com)", []string{
			"77.88.8.8", "77.88.8.1", "2a02:6b8::feed:ff", "2a02:6b8:0:1::feed:ff",
		}},
		// Time at fixed addresses. That of pool.ntp.org is anybody's, and changes.
		{"Cloudflare time (developers.cloudflare.com/time-services)", []string{
			"162.159.200.1", "162.159.200.123", "2606:4700:f1::1", "2606:4700:f1::123",
		}},
		{"Google Public NTP (developers.google.com/time)", []string{
			"216.239.35.0", "216.239.35.4", "216.239.35.8", "216.239.35.12",
			"2001:4860:4806::", "2001:4860:4806:4::", "2001:4860:4806:8::", "2001:4860:4806:c::",
		}},
		// InterNIC's named.root, and the addresses that B had until 2023 and still serves.
		{"DNS root server A", []string{"198.41.0.4", "2001:503:ba3e::2:30"}},
		{"DNS root server B", []string{"170.247.170.2", "2801:1b8:10::b", "199.9.14.201", "2001:500:200::b"}},
		{"DNS root server C", []string{"192.33.4.12", "2001:500:2::c"}},
		{"DNS root server D", []string{"199.7.91.13", "2001:500:2d::d"}},
		{"DNS root server E", []string{"192.203.230.10", "2001:500:a8::e"}},
		{"DNS root server F", []string{"192.5.5.241", "2001:500:2f::f"}},
		{"DNS root server G", []string{"192.112.36.4", "2001:500:12::d0d"}},
		{"DNS root server H", []string{"198.97.190.53", "2001:500:1::53"}},
		{"DNS root server I", []string{"192.36.148.17", "2001:7fe::53"}},
		{"DNS root server J", []string{"192.58.128.30", "2001:503:c27::2:30"}},
		{"DNS root server K", []string{"193.0.14.129", "2001:7fd::1"}},
		{"DNS root server L", []string{"199.7.83.42", "2001:500:9f::42"}},
		{"DNS root server M", []string{"202.12.27.33", "2001:dc3::35"}},
	} {
		for _, text := range s.addresses {
			a := netip.MustParseAddr(text)
			out = append(out, Protected{netip.PrefixFrom(a, a.BitLen()), s.why})
		}
	}
	return out
}
