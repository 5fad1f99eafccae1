// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// database writes a database with a record for each network.
func database(t *testing.T, name string, records map[string]mmdbtype.Map) string {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: name, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, r := range records {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, r); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), name+".mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func in(code string) mmdbtype.Map {
	return mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
}

func TestGeo(t *testing.T) {
	countries := database(t, "Test-Country", map[string]mmdbtype.Map{
		"198.51.100.0/24": in("DE"), "2001:db8:1::/48": in("JP"),
		"203.0.113.0/24": {"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("BR")}},
	})
	asns := database(t, "Test-ASN", map[string]mmdbtype.Map{
		"198.51.0.0/16": {"autonomous_system_number": mmdbtype.Uint32(64500)},
	})
	g, err := OpenGeo([]string{countries, asns})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		address, country string
		asn              uint32
	}{
		{"198.51.100.7", "DE", 64500},
		{"198.51.7.7", "", 64500},
		{"203.0.113.1", "BR", 0},
		{"2001:db8:1::5", "JP", 0},
		{"192.0.2.1", "", 0},
	} {
		a := netip.MustParseAddr(tc.address)
		if country, asn := g.Country(a), g.ASN(a); country != tc.country || asn != tc.asn {
			t.Errorf("%s is in %q, AS %d; want %q, AS %d", a, country, asn, tc.country, tc.asn)
		}
	}
	if none, err := OpenGeo(nil); err != nil || none.Country(netip.MustParseAddr("198.51.100.7")) != "" {
		t.Error("without a database nothing is known, and nothing is wrong")
	}
}

// A database that is missing or broken is one error that names it.
func TestGeoErrors(t *testing.T) {
	whole, err := os.ReadFile(database(t, "Test-Country", map[string]mmdbtype.Map{"198.51.100.0/24": in("DE")}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"empty": {}, "text": []byte("country,code\n"), "cut": whole[:len(whole)/3]} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenGeo([]string{path}); err == nil {
			t.Errorf("%s was taken for a database", name)
		}
	}
	for _, path := range []string{filepath.Join(dir, "missing"), dir} {
		if _, err := OpenGeo([]string{path}); err == nil {
			t.Errorf("%s was taken for a database", path)
		}
	}
	// What is damaged inside must not take the program with it.
	for i := range whole {
		damaged := append([]byte{}, whole...)
		damaged[i] ^= 0xff
		path := filepath.Join(dir, "damaged")
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if g, err := OpenGeo([]string{path}); err == nil {
			_ = g.Country(netip.MustParseAddr("198.51.100.7"))
		}
	}
}
