// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxGeo bounds a database, in bytes; the largest that are sold have about 400 MB.
const maxGeo = 1 << 30

// Geo tells the country and the AS of an address, from databases in MaxMind's format.
// It is asked when something is told, never for each flow. A nil Geo knows nothing.
type Geo struct {
	files []*maxminddb.Reader
}

// OpenGeo reads databases, which are asked in this order; without any it returns nil.
// They are held in memory: one that is replaced in place would pull the ground from
// under a mapped file.
func OpenGeo(paths []string) (*Geo, error) {
	if len(paths) == 0 {
		return nil, nil //nolint:nilnil // a nil Geo is whole
	}
	g := &Geo{}
	for _, path := range paths {
		db, err := openGeo(path)
		if err != nil {
			return nil, fmt.Errorf("geo: %w", err)
		}
		g.files = append(g.files, db)
	}
	return g, nil
}

func openGeo(path string) (*maxminddb.Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxGeo {
		return nil, fmt.Errorf("%s is no file of up to %d bytes", path, maxGeo)
	}
	data, err := os.ReadFile(path) //nolint:gosec // a file that the operator named
	if err != nil {
		return nil, err
	}
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no database in MaxMind's format: %w", path, err)
	}
	return db, nil
}

// Country is the ISO 3166 code of the country of an address, "" when it is not known.
func (g *Geo) Country(a netip.Addr) string {
	var code string
	g.ask(a, func(r *maxminddb.Result) bool {
		for _, field := range [...]string{"country", "registered_country"} {
			if r.DecodePath(&code, field, "iso_code") == nil && code != "" {
				return true
			}
		}
		return false
	})
	return code
}

// ASN is the number of the AS that announces an address, 0 when it is not known.
func (g *Geo) ASN(a netip.Addr) uint32 {
	var n uint32
	g.ask(a, func(r *maxminddb.Result) bool {
		return r.DecodePath(&n, "autonomous_system_number") == nil && n != 0
	})
	return n
}

// ask looks an address up until one of the databases has an answer.
func (g *Geo) ask(a netip.Addr, answered func(*maxminddb.Result) bool) {
	if g == nil || !a.IsValid() {
		return
	}
	for _, db := range g.files {
		if r := db.Lookup(a); r.Err() == nil && r.Found() && answered(&r) {
			return
		}
	}
}
