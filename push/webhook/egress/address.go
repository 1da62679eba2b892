package egress

import "net/netip"

// A reserved range is one where no stranger's receiver can be.
type reserved struct {
	prefix netip.Prefix
	why    string
}

// The reserved ranges of IPv4: the registry of special-purpose addresses, and
// what clouds put in between.
var reserved4 = ranges(
	"0.0.0.0/8", "it is this machine",
	"10.0.0.0/8", "it is private",
	"100.64.0.0/10", "it is behind a carrier's NAT",
	"127.0.0.0/8", "it is loopback",
	"168.63.129.16/32", "it is a cloud's own",
	"169.254.0.0/16", "it is link-local, where clouds keep credentials",
	"172.16.0.0/12", "it is private",
	"192.0.0.0/24", "it is reserved for protocols",
	"192.0.2.0/24", "it is for documentation",
	"192.31.196.0/24", "it is reserved for protocols",
	"192.52.193.0/24", "it is reserved for protocols",
	"192.88.99.0/24", "it is a 6to4 relay",
	"192.168.0.0/16", "it is private",
	"192.175.48.0/24", "it is reserved for protocols",
	"198.18.0.0/15", "it is for benchmarks",
	"198.51.100.0/24", "it is for documentation",
	"203.0.113.0/24", "it is for documentation",
	"224.0.0.0/4", "it is multicast",
	"240.0.0.0/4", "it is reserved",
)

// The reserved ranges of IPv6. Those that carry an IPv4 address inside are
// refused whatever it is: who is meant by it depends on the gateway.
var reserved6 = ranges(
	"::/128", "it is this machine",
	"::1/128", "it is loopback",
	"::/96", "it is an IPv4 address in disguise",
	"::ffff:0:0:0/96", "it is an IPv4 address in disguise",
	"64:ff9b::/96", "it is an IPv4 address behind NAT64",
	"64:ff9b:1::/48", "it is an IPv4 address behind NAT64",
	"100::/64", "it is the discard range",
	"100:0:0:1::/64", "it is reserved for protocols",
	"2001::/32", "it is an IPv4 address behind Teredo",
	"2001::/23", "it is reserved for protocols",
	"2001:db8::/32", "it is for documentation",
	"2002::/16", "it is an IPv4 address behind 6to4",
	"2620:4f:8000::/48", "it is reserved for protocols",
	"3fff::/20", "it is for documentation",
	"5f00::/16", "it is for segment routing",
	"fc00::/7", "it is private",
	"fe80::/10", "it is link-local",
	"fec0::/10", "it is site-local",
	"ff00::/8", "it is multicast",
)

// global6 is all of IPv6 that is given out to the public.
var global6 = netip.MustParsePrefix("2000::/3")

// special says why an address is no public one; empty when it is.
func special(a netip.Addr) string {
	if a.Zone() != "" {
		return "it has a zone"
	}
	a = plain(a)
	table := reserved6
	if a.Is4() {
		table = reserved4
	}
	for _, r := range table {
		if r.prefix.Contains(a) {
			return r.why
		}
	}
	switch {
	case a.Is6() && isatap(a):
		return "it is an IPv4 address behind ISATAP"
	case a.Is6() && !global6.Contains(a), !a.IsGlobalUnicast():
		return "it is not public"
	}
	return ""
}

// isatap reports whether the lower half is an IPv4 address as ISATAP writes it,
// under any network's prefix.
func isatap(a netip.Addr) bool {
	b := a.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// plain returns the address without a zone and, of an IPv4 address in IPv6
// clothes, the IPv4 address.
func plain(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

func contains(in []netip.Prefix, a netip.Addr) bool {
	for _, p := range in {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// masked unmaps the ranges, so that ::ffff:10.0.0.0/104 means what it seems to.
func masked(in []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(in))
	for _, p := range in {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

func ranges(pairs ...string) []reserved {
	out := make([]reserved, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, reserved{netip.MustParsePrefix(pairs[i]), pairs[i+1]})
	}
	return out
}
