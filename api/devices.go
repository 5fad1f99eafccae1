// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/baseline"
)

// Devices is what is known of the own addresses.
type Devices interface {
	// Devices returns a page of devices. Its error and that of Device are a
	// *RefusedError when they are the caller's.
	Devices(ctx context.Context, f *DeviceFilter) (*DevicePage, error)
	Device(ctx context.Context, a netip.Addr, field string) (*DeviceDetail, error)
}

// DeviceFilter selects and orders devices.
type DeviceFilter struct {
	Prefix netip.Prefix // the zero value is all
	Text   string       // in the address or the name; "" for all
	Sort   string       // last_seen, bytes, address, risk
	Limit  int
	Cursor string
}

// Device is an own address.
type Device struct {
	Address   netip.Addr `json:"address"`
	Name      string     `json:"name,omitempty" doc:"who has it now, by the file of names and leases"`
	FirstSeen time.Time  `json:"first_seen" doc:"the second in which this run met it, or the earlier hour in which its habits begin"`
	LastSeen  time.Time  `json:"last_seen" doc:"end of the newest flow; of a device that this run has not met, the hour"`
	Tier      string     `json:"tier" enum:"batch,minute,real_time" doc:"how often it is judged"`
	Role      string     `json:"role" enum:"unknown,server,workstation,thing,gateway" doc:"what it seems to be"`
	Exporter  netip.Addr `json:"exporter,omitzero" doc:"that reported it last; absent when this run has not met it"`
	BytesIn   uint64     `json:"bytes_in" doc:"received in the last five minutes"`
	BytesOut  uint64     `json:"bytes_out" doc:"sent in the last five minutes"`
	Risk      float64    `json:"risk" minimum:"0" maximum:"1" doc:"highest score of the open incidents about it, 0 without any"`
}

// DevicePage is a page of devices.
type DevicePage struct {
	Devices []Device `json:"devices" nullable:"false"`
	Next    string   `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
}

// DeviceDetail is a device with its past.
type DeviceDetail struct {
	Device

	RoleReason string            `json:"role_reason,omitempty" doc:"why it seems to be that"`
	Zone       string            `json:"zone" doc:"of hours and days: the site's time zone"`
	Peers      []UsualPeer       `json:"peers" nullable:"false" doc:"that carry four fifths of its bytes, 16 at most, heaviest first"`
	Services   []UsualService    `json:"services" nullable:"false" doc:"heaviest first, 20 at most"`
	Hours      []int             `json:"hours" nullable:"false" doc:"weeks, of the last 15, in which it was active in each of the 168 hours of the week; 0 is Sunday at midnight"`
	Profile    *baseline.Profile `json:"profile,omitempty" doc:"its usual week, as tidewatch baseline show prints it; absent when nothing was learned"`
}

// UsualPeer is a peer that a device exchanges much with.
type UsualPeer struct {
	Address netip.Addr `json:"address,omitzero" doc:"absent unless the two exchanged data in the running hour: of peers a hash is kept"`
	Bytes   float64    `json:"bytes" doc:"both ways, halved every 30 days"`
	First   string     `json:"first" format:"date"`
	Last    string     `json:"last" format:"date"`
}

// UsualService is a service that a device uses or offers.
type UsualService struct {
	Protocol uint8   `json:"protocol" doc:"IP protocol number: 6 is TCP, 17 is UDP"`
	Port     uint16  `json:"port" doc:"0 stands for all dynamic ones, from 32768 on"`
	Offered  bool    `json:"offered" doc:"the device is the server"`
	Bytes    float64 `json:"bytes" doc:"both ways, halved every 30 days"`
	First    string  `json:"first" format:"date"`
	Last     string  `json:"last" format:"date"`
}

func (h *handlers) devices(a huma.API) {
	huma.Get(a, "/api/v1/devices", h.listDevices, about("list-devices", "Own addresses", http.StatusUnprocessableEntity))
	huma.Get(a, "/api/v1/devices/{address}", h.device,
		about("get-device", "One address with its past", http.StatusNotFound, http.StatusUnprocessableEntity), conditional)
}

// DevicesInput selects devices.
type DevicesInput struct {
	Prefix string `query:"prefix" maxLength:"64" doc:"address or network that they lie in"`
	Text   string `query:"text" maxLength:"255" doc:"part of the address or the name"`
	Sort   string `query:"sort" enum:"last_seen,bytes,address,risk" default:"last_seen" doc:"newest first; most bytes in the last five minutes first; by address; highest risk first"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"64" doc:"next of the page before; what moves meanwhile may be missed or come twice"`
}

// DevicesOutput is a page of devices.
type DevicesOutput struct{ Body *DevicePage }

func (h *handlers) listDevices(ctx context.Context, in *DevicesInput) (*DevicesOutput, error) {
	f := DeviceFilter{Text: in.Text, Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor}
	if in.Prefix != "" {
		p, err := netip.ParsePrefix(in.Prefix)
		if a, other := netip.ParseAddr(in.Prefix); other == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 { // IPv4, as sockets of IPv6 write it
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("the prefix is neither an address nor a network such as 192.0.2.0/24",
				&huma.ErrorDetail{Message: "no network", Location: "query.prefix", Value: in.Prefix})
		}
		f.Prefix = p.Masked()
	}
	got, err := h.deps.Devices.Devices(ctx, &f)
	return &DevicesOutput{got}, h.refusal(ctx, "list devices", err)
}

// DeviceInput names a device.
type DeviceInput struct {
	Address string `path:"address" maxLength:"64" doc:"its address"`
	Field   string `query:"field" enum:"bytes_in,bytes_out,packets_in,packets_out,flows_in,flows_out,peak_bytes_in,peak_bytes_out,peak_packets_in" default:"bytes_in" doc:"what the profile is of"`
	Conditional
}

// DeviceOutput is one device.
type DeviceOutput struct {
	ETag string `header:"ETag"`
	Body *DeviceDetail
}

func (h *handlers) device(ctx context.Context, in *DeviceInput) (*DeviceOutput, error) {
	a, err := netip.ParseAddr(in.Address)
	if err != nil || a.Zone() != "" {
		return nil, huma.Error422UnprocessableEntity("that is no address",
			&huma.ErrorDetail{Message: "no address", Location: "path.address", Value: in.Address})
	}
	got, err := h.deps.Devices.Device(ctx, a.Unmap(), in.Field)
	if err != nil {
		return nil, h.refusal(ctx, "read the device", err)
	}
	out := &DeviceOutput{Body: got}
	out.ETag, err = in.tag(got)
	return out, err
}
