// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"strings"
	"testing"
)

// The same UDP packet is found behind every link type's header.
func TestLinkTypes(t *testing.T) {
	const (
		snap = "aaaa03 000000 0800"
		wifi = "0801 0000 020000000001 020000000002 020000000003 0000"
		tap  = "0000 0800 00000000"
		qos  = "8801 0000 020000000001 020000000002 020000000003 0000"
	)
	for name, tc := range map[string]struct {
		link   Link
		header string
		want   Reason
	}{
		"802.3 with SNAP":             {LinkEthernet, "020000000001 020000000002 0024" + snap, None},
		"802.3 with IP's own SAP":     {LinkEthernet, "020000000001 020000000002 001f 060603", None},
		"spanning tree":               {LinkEthernet, "0180c2000000 020000000002 0026 424203 000000", NotIP},
		"VLAN around SNAP":            {LinkEthernet, "020000000001 020000000002 81000005 0024" + snap, None},
		"MPLS with a control word":    {LinkEthernet, "020000000001 020000000002 8847 00010140 00000000" + mac, None},
		"PPPoE discovery":             {LinkEthernet, "020000000001 020000000002 8863 110900000004", NotIP},
		"endless VLAN tags":           {LinkEthernet, "020000000001 020000000002" + strings.Repeat("81000005", 20) + "0800", Malformed},
		"endless MPLS labels":         {LinkMPLS, strings.Repeat("00010040", 20), Malformed},
		"MPLS":                        {LinkMPLS, "00010140", None},
		"token ring":                  {LinkTokenRing, "1040 020000000001 020000000002" + snap, None},
		"token ring with a route":     {LinkTokenRing, "1040 020000000001 820000000002 06300aa10aa2" + snap, None},
		"token ring's own":            {LinkTokenRing, "1000 020000000001 020000000002" + snap, NotIP},
		"FDDI":                        {LinkFDDI, "50 020000000001 020000000002" + snap, None},
		"ATM":                         {LinkATM, snap, None},
		"PPP without address":         {LinkPPP, "0021", None},
		"PPP with one byte":           {LinkPPP, "ff03 21", None},
		"PPP control":                 {LinkPPP, "ff03 c021", NotIP},
		"Cisco HDLC as PPP":           {LinkPPP, "0f00 0800", None},
		"PPP with direction":          {LinkPPPWithDir, "01 ff03 0021", None},
		"PPP by pppd":                 {LinkPPPPPPD, "0003 0021", NotIP},
		"Cisco HDLC":                  {LinkCHDLC, "8f00 0800", None},
		"PPPoE alone":                 {LinkPPPoE, "11000001001e 0021", None},
		"frame relay":                 {LinkFrameRelay, "1841 03 cc", None},
		"frame relay, padded SNAP":    {LinkFrameRelay, "1841 03 00 80 000000 0800", None},
		"frame relay, Cisco":          {LinkFrameRelay, "1841 0800", None},
		"frame relay, three bytes":    {LinkFrameRelay, "184041 03 cc", None},
		"frame relay, LMI":            {LinkFrameRelay, "0001 03 08 007d", NotIP},
		"loopback":                    {LinkLoop, "00000002", None},
		"IPsec device":                {LinkEnc, "02000000 00000001 00000000", None},
		"packet filter":               {LinkPFLog, "3d020000" + strings.Repeat("00", 60), None},
		"packet filter, no header":    {LinkPFLog, "00020000", Malformed},
		"cooked, version 2":           {LinkLinuxSLL2, "0800 0000 00000001 0001 00 06 0200000000010000", None},
		"cooked ARP":                  {LinkLinuxSLL, "0000000100060200000000010000 0806", NotIP},
		"netfilter":                   {LinkNFLog, "02000000 0800 0100 08000100 0500 0a00 00000000 2000 0900", None},
		"netfilter, attribute of 0":   {LinkNFLog, "02000000 0000 0100", Malformed},
		"netfilter without a payload": {LinkNFLog, "02000000 fcff 0100", Truncated},
		"802.11":                      {LinkIEEE80211, wifi + snap, None},
		"802.11, four addresses":      {LinkIEEE80211, "0803" + wifi[5:] + "020000000004" + snap, None},
		"802.11 with QoS":             {LinkIEEE80211, qos + "0000" + snap, None},
		"802.11 with HT control":      {LinkIEEE80211, "8881" + qos[5:] + "0000 00000000" + snap, None},
		"802.11 aggregate":            {LinkIEEE80211, qos + "8000 020000000001 020000000002 0024" + snap, None},
		"802.11 encrypted":            {LinkIEEE80211, "0841" + wifi[5:] + snap, NotIP},
		"802.11 beacon":               {LinkIEEE80211, "8000" + wifi[5:] + snap, NotIP},
		"802.11 later fragment":       {LinkIEEE80211, wifi[:len(wifi)-4] + "0100" + snap, NotIP},
		"radiotap":                    {LinkRadiotap, tap + wifi + snap, None},
		"radiotap with padding":       {LinkRadiotap, "0000 1100 03000000 0000000000000000 20" + qos + "0000 0000" + snap, None},
		"radiotap, two bit fields":    {LinkRadiotap, "0000 1900 03000080 00000000 00000000 0000000000000000 20" + qos + "0000 0000" + snap, None},
		"radiotap, endless bits":      {LinkRadiotap, "0000 0c00 00000080 00000080" + wifi + snap, Malformed},
		"radiotap, header of 0":       {LinkRadiotap, "0000 0000 00000000" + wifi + snap, Malformed},
		"radiotap longer than all":    {LinkRadiotap, "0000 ff0f 00000000" + wifi + snap, Truncated},
		"Prism":                       {LinkPrism, strings.Repeat("00", 144) + wifi + snap, None},
		"AVS":                         {LinkAVS, "80211001 00000040" + strings.Repeat("00", 56) + wifi + snap, None},
		"PPI around Ethernet":         {LinkPPI, "0000 0800 01000000" + mac, None},
		"PPI around PPI":              {LinkPPI, "0000 0800 c0000000", Malformed},
	} {
		var got Info
		b := raw(t, strings.ReplaceAll(tc.header+ip4udp, " ", ""))
		r := Decode(tc.link, b, len(b), &got)
		if r != tc.want || r == None && (got.SrcPort != 53 || got.DstPort != 8080 || got.IPBytes != 28 || !got.Whole) {
			t.Errorf("%s: %v %+v, want %v", name, r, got, tc.want)
		}
	}
}

// A frame cut at any byte never panics and never gives more than it holds.
func TestCutAnywhere(t *testing.T) {
	for _, s := range []string{mac + ip4tcp, mac + ip4udp, "02000000000102000000000286dd" + ip6ext} {
		whole := raw(t, strings.ReplaceAll(s, " ", ""))
		for n := range whole {
			var got Info
			r := Decode(LinkEthernet, whole[:n], len(whole), &got)
			if r == None && (got.Whole || len(got.Payload) > n) || r != None && r != Truncated {
				t.Errorf("cut at %d: %v %+v", n, r, got)
			}
		}
	}
}

// A datagram's payload ends where its own length says, not with the frame.
func TestPayloadEndsWithTheDatagram(t *testing.T) {
	b := raw(t, "45000024000100004011 0000 0a000001 c0000202 0035 1f90 000a 0000 0102 aaaa aaaa aaaa bbbb")
	var got Info
	if r := DecodeIP(b, len(b), &got); r != None || string(got.Payload) != "\x01\x02" {
		t.Errorf("%v %x", r, got.Payload)
	}
}
