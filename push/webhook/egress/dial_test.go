package egress_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook/egress"
)

var hostileAddresses = []struct{ name, addr string }{
	{"this machine", "0.0.0.0"},
	{"this network", "0.1.2.3"},
	{"private, 10", "10.0.0.1"},
	{"private, the end of 10", "10.255.255.255"},
	{"CGNAT", "100.64.0.1"},
	{"CGNAT, its end", "100.127.255.255"},
	{"Alibaba's metadata", "100.100.100.200"},
	{"loopback", "127.0.0.1"},
	{"loopback, the end", "127.255.255.255"},
	{"Azure's wire server", "168.63.129.16"},
	{"metadata", "169.254.169.254"},
	{"ECS's credentials", "169.254.170.2"},
	{"private, 172.16", "172.16.0.1"},
	{"private, the end of 172.31", "172.31.255.255"},
	{"Docker's bridge", "172.17.0.1"},
	{"Oracle's metadata", "192.0.0.192"},
	{"documentation 1", "192.0.2.1"},
	{"AS112", "192.31.196.1"},
	{"AMT", "192.52.193.1"},
	{"6to4 relay", "192.88.99.1"},
	{"private, 192.168", "192.168.1.1"},
	{"AS112, direct", "192.175.48.1"},
	{"benchmarks", "198.18.0.1"},
	{"benchmarks, the end", "198.19.255.255"},
	{"documentation 2", "198.51.100.1"},
	{"documentation 3", "203.0.113.1"},
	{"multicast", "224.0.0.1"},
	{"multicast, the end", "239.255.255.255"},
	{"reserved", "240.0.0.1"},
	{"broadcast", "255.255.255.255"},
	{"v6 unspecified", "::"},
	{"v6 loopback", "::1"},
	{"v4 compatible loopback", "::127.0.0.1"},
	{"v4 compatible public", "::8.8.8.8"},
	{"v4 mapped loopback", "::ffff:127.0.0.1"},
	{"v4 mapped metadata", "::ffff:169.254.169.254"},
	{"v4 mapped private", "::ffff:a00:1"},
	{"v4 translated", "::ffff:0:127.0.0.1"},
	{"NAT64 of loopback", "64:ff9b::7f00:1"},
	{"NAT64 of a public one", "64:ff9b::8.8.8.8"},
	{"NAT64, local", "64:ff9b:1::10.0.0.1"},
	{"discard", "100::1"},
	{"dummy prefix", "100:0:0:1::1"},
	{"Teredo", "2001::7f00:1"},
	{"Teredo of loopback, inverted", "2001:0:4136:e378:8000:63bf:80ff:fffe"},
	{"ORCHID", "2001:10::1"},
	{"ORCHID 2", "2001:20::1"},
	{"v6 benchmarks", "2001:2::1"},
	{"v6 documentation", "2001:db8::1"},
	{"v6 documentation 2", "3fff::1"},
	{"6to4 of loopback", "2002:7f00:1::1"},
	{"6to4 of private", "2002:a00:1::1"},
	{"6to4 of metadata", "2002:a9fe:a9fe::1"},
	{"ISATAP of private", "2606:4700::5efe:10.0.0.1"},
	{"ISATAP of public", "2606:4700::200:5efe:8.8.8.8"},
	{"segment routing", "5f00::1"},
	{"not given out", "4000::1"},
	{"ULA", "fc00::1"},
	{"ULA in use", "fd12:3456:789a::1"},
	{"AWS's metadata over v6", "fd00:ec2::254"},
	{"Google's metadata over v6", "fd20:ce::254"},
	{"v6 link-local", "fe80::1"},
	{"v6 link-local with a zone", "fe80::1%lo"},
	{"loopback with a zone", "::1%lo"},
	{"a public one with a zone", "2606:4700::1111%lo"},
	{"site-local", "fec0::1"},
	{"v6 multicast", "ff02::1"},
	{"v6 multicast of the node", "ff01::1"},
	{"AS112 over v6", "2620:4f:8000::1"},
	{"denied by the operator", "185.199.108.1"},
	{"denied by the operator, mapped", "::ffff:185.199.108.1"},
	{"denied over v6", "2a00:1450::1"},
	{"our load balancer", "185.199.111.7"},
	{"on an interface of ours", "185.199.110.9"},
	{"on an interface of ours, v6", "2a01:4f8::9"},
}

// hostileGuard has a deny-list and addresses of its own, and lets the port be
// anything, so that only the address counts.
func hostileGuard(t *testing.T, port int, r *net.Resolver) *egress.Guard {
	t.Helper()
	g := guard(t, egress.Config{
		Deny: prefixes("185.199.108.0/24", "2a00:1450::/32"), Own: []netip.Addr{netip.MustParseAddr("185.199.111.7")},
		Ports: []uint16{uint16(port)}, Resolver: r,
	})
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"185.199.110.9/24", "2a01:4f8::9/64"} {
		ip, n, err := net.ParseCIDR(p)
		if err != nil {
			t.Fatal(err)
		}
		n.IP = ip
		own = append(own, n)
	}
	g.OnInterfaces(own, nil)
	return g
}

// trap listens to every address of this machine that a hostile one can lead to.
func trap(t *testing.T) *pushtest.Receiver {
	t.Helper()
	r, err := pushtest.NewReceiver(pushtest.ReceiverConfig{Addr: ":0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func nameserver(t *testing.T, answer pushtest.Answer) *pushtest.DNS {
	t.Helper()
	dns, err := pushtest.NewDNS(answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	return dns
}

// post sends a request and returns what came of it.
func post(t *testing.T, c *http.Client, url string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func TestTrapWorks(t *testing.T) {
	caught := trap(t)
	g := guard(t, egress.Config{Allow: prefixes("127.0.0.0/8", "0.0.0.0/32")})
	c := g.Client()
	defer c.CloseIdleConnections()
	for i, host := range []string{"127.0.0.1", "127.8.9.10", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		if err := post(t, c, fmt.Sprintf("http://%s:%d/", host, caught.Addr().Port)); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if got := caught.Connections(); got < i {
			t.Errorf("%s: %d connections on the trap", host, got)
		}
	}
	if got := caught.Total(); got != 4 {
		t.Errorf("%d requests on the trap, want 4", got)
	}
}

func TestDialRefuses(t *testing.T) {
	if len(hostileAddresses) < 60 {
		t.Fatalf("%d hostile addresses, want 60 at least", len(hostileAddresses))
	}
	caught := trap(t)
	port := caught.Addr().Port
	dns := nameserver(t, func(name string, _ int) []netip.Addr {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "h"), ".example.com"))
		if err != nil || n >= len(hostileAddresses) {
			return nil
		}
		return []netip.Addr{netip.MustParseAddr(hostileAddresses[n].addr).WithZone("")}
	})
	g := hostileGuard(t, port, dns.Resolver())
	c := g.Client()
	defer c.CloseIdleConnections()
	for i, h := range hostileAddresses {
		t.Run(h.name, func(t *testing.T) {
			literal := "http://" + (&url.URL{Host: net.JoinHostPort(h.addr, strconv.Itoa(port))}).Host
			literal = strings.ReplaceAll(literal, "%", "%25")
			if err := post(t, c, literal); !refused(err) {
				t.Errorf("literally: %v, want a refusal", err)
			}
			if strings.Contains(h.addr, "%") {
				return // no name has a zone
			}
			if err := post(t, c, fmt.Sprintf("http://h%d.example.com:%d/", i, port)); !refused(err) {
				t.Errorf("behind a name: %v, want a refusal", err)
			}
			err := g.ControlContext(t.Context(), "tcp4", net.JoinHostPort(h.addr, strconv.Itoa(port)), nil)
			if !refused(err) {
				t.Errorf("asked by the dialer: %v, want a refusal", err)
			} else if strings.Contains(err.Error(), h.addr) {
				t.Errorf("the sentence names the address: %v", err)
			}
		})
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections on the trap, want 0", n)
	}
}

func TestDialHostileURLs(t *testing.T) {
	caught := trap(t)
	port := caught.Addr().Port
	dns := nameserver(t, func(string, int) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	})
	c := guard(t, egress.Config{Ports: []uint16{uint16(port)}, Resolver: dns.Resolver()}).Client()
	defer c.CloseIdleConnections()
	for _, h := range hostileURLs {
		t.Run(h.name, func(t *testing.T) {
			u, err := url.Parse(h.url)
			if err != nil || u.Host == "" {
				return // nothing that can be dialled
			}
			// The port and scheme of the trap: the address alone must do.
			u.Scheme, u.Host = "http", net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
			if err := post(t, c, u.String()); err == nil {
				t.Errorf("%s was answered", u)
			}
		})
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections on the trap, want 0", n)
	}
}

func TestDialRefusesWhatRebinds(t *testing.T) {
	caught := trap(t)
	port := caught.Addr().Port
	dns := nameserver(t, func(name string, n int) []netip.Addr {
		first, then := "8.8.8.8", "127.0.0.1"
		if name == "allowed.example.com" {
			first = "10.99.0.1"
		}
		if n == 1 {
			return []netip.Addr{netip.MustParseAddr(first)}
		}
		return []netip.Addr{netip.MustParseAddr(then)}
	})
	g := guard(t, egress.Config{Ports: []uint16{uint16(port)}, Resolver: dns.Resolver(), Allow: prefixes("10.99.0.0/16")})
	c := g.Client()
	defer c.CloseIdleConnections()

	addrs, err := dns.Resolver().LookupNetIP(t.Context(), "ip4", "public.example.com")
	if err != nil || addrs[0].String() != "8.8.8.8" {
		t.Fatalf("the name is %v at first, %v; want public", addrs, err)
	}
	if err := post(t, c, fmt.Sprintf("http://public.example.com:%d/", port)); !refused(err) {
		t.Errorf("public, then loopback: %v, want a refusal", err)
	}

	target := fmt.Sprintf("http://allowed.example.com:%d/", port)
	if err := g.CheckURL(t.Context(), target); err != nil {
		t.Errorf("the name leads into an allowed range at first: %v", err)
	}
	if err := post(t, c, target); !refused(err) {
		t.Errorf("allowed, then loopback: %v, want a refusal", err)
	}
	if n := dns.Asked("allowed.example.com"); n < 2 {
		t.Errorf("the name was asked for %d times, want on save and on dial", n)
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections on the trap, want 0", n)
	}
}

func TestDialChecksEveryAddressOfAName(t *testing.T) {
	good, err := pushtest.NewReceiver(pushtest.ReceiverConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	dns := nameserver(t, func(string, int) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")}
	})
	g := guard(t, egress.Config{Resolver: dns.Resolver(), Allow: prefixes("127.0.0.1/32")})
	c := g.Client()
	defer c.CloseIdleConnections()
	if err := post(t, c, fmt.Sprintf("http://many.example.com:%d/", good.Addr().Port)); err != nil {
		t.Errorf("one of the addresses is allowed: %v", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	caught := trap(t)
	sly, err := pushtest.NewReceiver(pushtest.ReceiverConfig{Addr: "127.0.0.2:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer sly.Close()
	c := guard(t, egress.Config{Allow: prefixes("127.0.0.2/32", "127.0.0.1/32")}).Client()
	defer c.CloseIdleConnections()
	sly.Redirect(fmt.Sprintf("http://127.0.0.1:%d/", caught.Addr().Port))
	if err := post(t, c, sly.URL()); err != nil {
		t.Error(err)
	}
	if n := caught.Connections(); n != 0 {
		t.Errorf("%d connections on the trap, want 0", n)
	}
}

func TestControlLetsThrough(t *testing.T) {
	g := guard(t, egress.Config{Ports: []uint16{8443}, Allow: prefixes("10.1.0.0/16", "::ffff:10.2.0.0/112"), Deny: prefixes("10.1.9.0/24")})
	tests := []struct {
		network, address string
		want             bool
	}{
		{"tcp4", "8.8.8.8:443", true},
		{"tcp4", "8.8.8.8:8443", true},
		{"tcp4", "8.8.8.8:80", false},
		{"tcp4", "1.1.1.1:443", true},
		{"tcp4", "9.255.255.255:443", true},
		{"tcp4", "11.0.0.0:443", true},
		{"tcp4", "100.63.255.255:443", true},
		{"tcp4", "100.128.0.0:443", true},
		{"tcp4", "126.255.255.255:443", true},
		{"tcp4", "128.0.0.1:443", true},
		{"tcp4", "169.253.255.255:443", true},
		{"tcp4", "172.15.255.255:443", true},
		{"tcp4", "172.32.0.0:443", true},
		{"tcp4", "192.169.0.0:443", true},
		{"tcp4", "198.17.255.255:443", true},
		{"tcp4", "198.20.0.0:443", true},
		{"tcp4", "223.255.255.255:443", true},
		{"tcp6", "[2606:4700:4700::1111]:443", true},
		{"tcp6", "[2001:4860:4860::8888]:443", true},
		{"tcp6", "[2a01:4f9::1]:443", true},
		{"tcp6", "[::ffff:8.8.8.8]:443", true},
		{"tcp4", "10.1.2.3:80", true},
		{"tcp4", "10.1.9.3:80", false},
		{"tcp4", "10.2.0.3:80", true},
		{"tcp4", "10.3.0.3:443", false},
		{"udp4", "8.8.8.8:443", false},
		{"unix", "/run/postgres.sock", false},
		{"tcp4", "example.com:443", false},
	}
	for _, tt := range tests {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			if err := g.ControlContext(t.Context(), tt.network, tt.address, nil); (err == nil) != tt.want || (err != nil) != refused(err) {
				t.Errorf("err = %v, want let through: %v", err, tt.want)
			}
		})
	}
}

func TestOwnAddressesUnknown(t *testing.T) {
	g := guard(t, egress.Config{})
	g.OnInterfaces(nil, errors.New("netlink: not permitted"))
	if err := g.ControlContext(t.Context(), "tcp4", "8.8.8.8:443", nil); !refused(err) {
		t.Errorf("err = %v, want a refusal while we do not know who we are", err)
	}
}

func refused(err error) bool {
	_, ok := errors.AsType[*egress.Refusal](err)
	return ok
}
