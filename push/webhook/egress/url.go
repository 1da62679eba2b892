package egress

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/openinsure/openinsure/internal/fault"
)

// URLBytes is how long a URL may be.
const URLBytes = 2048

// What is wrong with a URL, one for each forbidden kind. All of them have the
// code validation_failed and blame the field url.
var (
	ErrURL      = fault.ErrValidation.Saying("The URL cannot be read; it should look like https://example.com/hooks.").Field("url", "url")
	ErrLong     = fault.ErrValidation.Saying(fmt.Sprintf("The URL has more than %d bytes.", URLBytes)).Field("url", "maxLength")
	ErrScheme   = fault.ErrValidation.Saying("The URL must start with https://.").Field("url", "https")
	ErrUserinfo = fault.ErrValidation.Saying("The URL must not have a user name or password; check our signature instead.").Field("url", "userinfo")
	ErrFragment = fault.ErrValidation.Saying("The URL must not have a # part: it would never be sent.").Field("url", "fragment")
	ErrPort     = fault.ErrValidation.Saying("The URL's port is not one that webhooks may use; leave it out to use 443.").Field("url", "port")
	ErrAddress  = fault.ErrValidation.Saying("The URL must have a host name, not an IP address in any spelling.").Field("url", "address")
	ErrHost     = fault.ErrValidation.Saying("The URL's host is not a valid name.").Field("url", "host")
	ErrInternal = fault.ErrValidation.Saying("The URL's host is a name of an internal network; it must be a public one.").Field("url", "public")
)

// internalNames are the ends of names that only mean something inside somebody's
// network, which would be ours.
var internalNames = []string{
	"local", "localhost", "localdomain", "internal", "svc", "intranet", "private", "corp", "home", "lan", "home.arpa",
}

// CheckURL says whether webhooks may be sent to an address, before anybody tries
// to: nil, or a fault for whoever wants to save it. A public name is not looked
// up: what it answers now says nothing about later. Only with Allow is a
// refused host looked up, and accepted, with http and any port, when all of its
// addresses are inside.
func (g *Guard) CheckURL(ctx context.Context, raw string) error {
	u, host, err := parse(raw)
	if err != nil {
		return err
	}
	refusal := g.checkPublic(u, host)
	if refusal == nil || !g.allowed(ctx, host) {
		return refusal
	}
	return nil
}

// parse reads what must hold everywhere. The host is returned as it will be
// looked up: in ASCII and small letters, without brackets and the last dot.
func parse(raw string) (*url.URL, string, error) {
	if len(raw) > URLBytes {
		return nil, "", ErrLong
	}
	for _, c := range raw {
		if c <= ' ' || c == 0x7f || c == '\\' || c == 0xfffd {
			return nil, "", ErrURL
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, "", ErrURL.Because(err)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, "", ErrScheme
	case u.Opaque != "" || u.Host == "":
		return nil, "", ErrURL
	case u.User != nil:
		return nil, "", ErrUserinfo
	case strings.Contains(raw, "#"):
		return nil, "", ErrFragment
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && !validPort(u.Port()):
		return nil, "", ErrPort
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return u, host, nil
	}
	// The same mapping as net/http's, so that what is checked is what is sent
	// to: full-width digits become digits, and the ideographic stop a dot.
	host, err = idna.Lookup.ToASCII(host)
	if err != nil {
		return nil, "", ErrHost.Because(err)
	}
	return u, strings.ToLower(strings.TrimSuffix(host, ".")), nil
}

// checkPublic holds the rules for the world outside.
func (g *Guard) checkPublic(u *url.URL, host string) error {
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	switch {
	case u.Scheme != "https":
		return ErrScheme
	case strings.Contains(host, ":"), numeric(last):
		return ErrAddress
	case !validName(labels):
		return ErrHost
	case len(labels) < 2:
		return ErrInternal
	}
	for _, end := range internalNames {
		if host == end || strings.HasSuffix(host, "."+end) {
			return ErrInternal
		}
	}
	port := uint64(443)
	if u.Port() != "" {
		port, _ = strconv.ParseUint(u.Port(), 10, 16) // parse has seen to it
	}
	if !slices.Contains(g.cfg.Ports, uint16(port)) {
		return ErrPort
	}
	return nil
}

// allowed reports whether a host leads into the allowed ranges and nowhere else.
func (g *Guard) allowed(ctx context.Context, host string) bool {
	if len(g.cfg.Allow) == 0 {
		return false
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return g.inside(a)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, g.cfg.ConnectTimeout, fmt.Errorf("look up a host: more than %s", g.cfg.ConnectTimeout))
	defer cancel()
	addrs, err := g.cfg.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false
	}
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !g.inside(a) })
}

func (g *Guard) inside(a netip.Addr) bool {
	a = plain(a)
	return contains(g.cfg.Allow, a) && !contains(g.cfg.Deny, a)
}

// numeric reports whether the last label of a host makes it an IPv4 address to
// some parser: digits, or 0x and hex digits. No top-level domain is like that.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

func validName(labels []string) bool {
	total := len(labels) - 1
	for _, l := range labels {
		total += len(l)
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return total <= 253
}

// validPort reports whether a port is written as numbers are: no sign, no
// leading zero.
func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}
