// Package egress lets us connect to addresses that strangers choose, without
// letting them choose one of ours.
//
// An address is looked at twice. On save, CheckURL refuses what cannot be a
// public https address and says why. On dial, the Guard looks at the concrete IP
// address of every single connect, after the name was resolved: what a name
// answered on save, or a moment ago, decides nothing, so a name that changes
// its mind gains nothing.
package egress

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// A Config says what may be reached. Its zero value is what production runs
// with: public addresses over https on port 443.
type Config struct {
	Allow []netip.Prefix // inside them, neither the rules on save nor those on dial hold; for development
	Deny  []netip.Prefix // never reached, even where Allow says so
	Own   []netip.Addr   // addresses that lead to us but are on no interface, such as the load balancer's
	Ports []uint16       // of public addresses, besides 443

	Resolver *net.Resolver  // nil is the system's
	RootCAs  *x509.CertPool // who vouches for receivers; nil is the system's

	ConnectTimeout time.Duration // for the name and the connection; 5 s
	TLSTimeout     time.Duration // for the handshake; 5 s

	Idle        int           // connections kept open, all receivers together; 512
	IdlePerHost int           // and of one; 8
	IdleTimeout time.Duration // that one is kept unused; 4 s: most receivers close theirs after 5
}

func (c Config) withDefaults() Config {
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	c.TLSTimeout = cmp.Or(c.TLSTimeout, 5*time.Second)
	c.Idle = cmp.Or(c.Idle, 512)
	c.IdlePerHost = cmp.Or(c.IdlePerHost, 8)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 4*time.Second)
	c.Ports = append([]uint16{443}, c.Ports...)
	c.Allow, c.Deny, c.Own = masked(c.Allow), masked(c.Deny), slices.Clone(c.Own)
	for i, a := range c.Own {
		c.Own[i] = plain(a)
	}
	return c
}

// A Guard decides what may be connected to. It holds no connections and is safe
// for use by many goroutines.
type Guard struct {
	cfg        Config
	interfaces func() ([]net.Addr, error)
}

// New returns a Guard. It fails where our own addresses cannot be read, since
// they could not be refused then.
func New(c Config) (*Guard, error) {
	g := &Guard{cfg: c.withDefaults(), interfaces: net.InterfaceAddrs}
	if _, err := g.interfaces(); err != nil {
		return nil, fmt.Errorf("read the addresses of this machine: %w", err)
	}
	return g, nil
}

// A Refusal is a connect that was not made.
type Refusal struct {
	Addr netip.AddrPort // not part of the sentence: what a name resolves to here may be nobody's business
	Why  string
}

// Error implements error; the sentence is safe for the owner of the address.
func (r *Refusal) Error() string { return "the address is refused: " + r.Why }

// ControlContext is for net.Dialer: it is asked before every connect, with the
// address as the kernel will get it.
func (g *Guard) ControlContext(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refusal{Why: "it is no IP address and port"}
	}
	if network != "tcp4" && network != "tcp6" {
		return &Refusal{Addr: to, Why: "only TCP is spoken"}
	}
	if why := g.refuse(to); why != "" {
		return &Refusal{Addr: to, Why: why}
	}
	return nil
}

// refuse says why an address may not be connected to; empty when it may.
func (g *Guard) refuse(to netip.AddrPort) string {
	a := plain(to.Addr())
	switch {
	case contains(g.cfg.Deny, a):
		return "it is in a range that the operator denies"
	case contains(g.cfg.Allow, a):
		return ""
	}
	if why := special(to.Addr()); why != "" {
		return why
	}
	if !slices.Contains(g.cfg.Ports, to.Port()) {
		return fmt.Sprintf("port %d is not open to webhooks", to.Port())
	}
	return g.refuseOwn(a)
}

// refuseOwn reads the interfaces each time, as addresses come and go with them;
// a connect costs far more.
func (g *Guard) refuseOwn(a netip.Addr) string {
	const own = "it is one of our own"
	if slices.Contains(g.cfg.Own, a) {
		return own
	}
	addrs, err := g.interfaces()
	if err != nil {
		return "our own addresses are not known just now"
	}
	for _, i := range addrs {
		n, ok := i.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok && plain(ip) == a {
			return own
		}
	}
	return ""
}

// Client returns a client, with connections of its own, that connects only to
// what the Guard lets through: by no proxy, following no redirect, unpacking
// nothing and keeping no cookie. It has no timeout for a whole request: that is
// the context's. Close its idle connections when done with it.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport:     g.transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
