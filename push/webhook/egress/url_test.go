package egress_test

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/idna"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook/egress"
)

// A hostile URL, and the rule that refuses it on save.
type hostile struct {
	name, url string
	want      *fault.Error
}

var hostileURLs = []hostile{
	{"nothing", "", egress.ErrScheme},
	{"plain http", "http://example.com/hook", egress.ErrScheme},
	{"file", "file:///etc/passwd", egress.ErrScheme},
	{"gopher", "gopher://example.com:70/_x", egress.ErrScheme},
	{"a script", "javascript:alert(1)", egress.ErrScheme},
	{"no scheme", "//example.com/hook", egress.ErrScheme},
	{"no slashes", "https:example.com", egress.ErrURL},
	{"no host", "https:///hook", egress.ErrURL},
	{"a path alone", "/hook", egress.ErrScheme},
	{"a space before", " https://example.com", egress.ErrURL},
	{"a space in the host", "https://exam ple.com", egress.ErrURL},
	{"a newline", "https://example.com/\r\nHost: 127.0.0.1", egress.ErrURL},
	{"a tab", "https://exa\tmple.com/", egress.ErrURL},
	{"a zero byte", "https://example.com\x00.internal/", egress.ErrURL},
	{"a backslash before @", `https://example.com\@127.0.0.1/`, egress.ErrURL},
	{"backslashes for slashes", `https:\\127.0.0.1\`, egress.ErrURL},
	{"bytes that are not UTF-8", "https://example\xff.com/", egress.ErrURL},
	{"too long", "https://example.com/" + strings.Repeat("a", 2048), egress.ErrLong},

	{"a user", "https://user@example.com/", egress.ErrUserinfo},
	{"a user and password", "https://user:secret@example.com/", egress.ErrUserinfo},
	{"an empty user", "https://@example.com/", egress.ErrUserinfo},
	{"a host as user", "https://example.com@127.0.0.1/", egress.ErrUserinfo},
	{"a host and port as user", "https://example.com:443@127.0.0.1/", egress.ErrUserinfo},
	{"a fragment", "https://example.com/#x", egress.ErrFragment},
	{"an empty fragment", "https://example.com/#", egress.ErrFragment},
	{"a fragment that hides the host", "https://127.0.0.1#@example.com/", egress.ErrFragment},

	{"the port of http", "https://example.com:80/", egress.ErrPort},
	{"the port of Postgres", "https://example.com:5432/", egress.ErrPort},
	{"port zero", "https://example.com:0/", egress.ErrPort},
	{"a port with a zero before", "https://example.com:0443/", egress.ErrPort},
	{"a port too large", "https://example.com:65979/", egress.ErrPort},
	{"a port that is empty", "https://example.com:/", egress.ErrPort},
	{"a port that is none", "https://example.com:https/", egress.ErrURL},

	{"loopback", "https://127.0.0.1/", egress.ErrAddress},
	{"loopback, elsewhere in the range", "https://127.255.3.4/", egress.ErrAddress},
	{"a public address", "https://8.8.8.8/", egress.ErrAddress},
	{"private", "https://10.0.0.5/", egress.ErrAddress},
	{"metadata", "https://169.254.169.254/latest/meta-data/", egress.ErrAddress},
	{"short", "https://127.1/", egress.ErrAddress},
	{"three parts", "https://127.0.1/", egress.ErrAddress},
	{"zero", "https://0/", egress.ErrAddress},
	{"one decimal", "https://2130706433/", egress.ErrAddress},
	{"one hex", "https://0x7f000001/", egress.ErrAddress},
	{"one hex in capitals", "https://0X7F000001/", egress.ErrAddress},
	{"one octal", "https://017700000001/", egress.ErrAddress},
	{"parts in octal", "https://0177.0.0.1/", egress.ErrAddress},
	{"parts in hex", "https://0x7f.0x0.0x0.0x1/", egress.ErrAddress},
	{"parts of three kinds", "https://0x7f.0.0.01/", egress.ErrAddress},
	{"an empty hex", "https://127.0.0.0x/", egress.ErrAddress},
	{"a number too large", "https://4294967297/", egress.ErrAddress},
	{"a part too large", "https://127.0.0.256/", egress.ErrAddress},
	{"a dot after", "https://127.0.0.1./", egress.ErrAddress},
	{"full-width digits", "https://１２７．０．０．１/", egress.ErrAddress},
	{"circled digits", "https://①②⑦.⓪.⓪.①/", egress.ErrAddress},
	{"ideographic stops", "https://127。0。0。1/", egress.ErrAddress},
	{"digits percent-encoded", "https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", egress.ErrAddress},
	{"mathematical digits", "https://𝟏𝟐𝟕.𝟎.𝟎.𝟏/", egress.ErrAddress},
	{"v6 loopback", "https://[::1]/", egress.ErrAddress},
	{"v6 in full", "https://[0000:0000:0000:0000:0000:0000:0000:0001]/", egress.ErrAddress},
	{"v6 unspecified", "https://[::]/", egress.ErrAddress},
	{"v4 mapped", "https://[::ffff:127.0.0.1]/", egress.ErrAddress},
	{"v4 mapped in hex", "https://[::ffff:7f00:1]/", egress.ErrAddress},
	{"NAT64", "https://[64:ff9b::127.0.0.1]/", egress.ErrAddress},
	{"6to4", "https://[2002:7f00:1::]/", egress.ErrAddress},
	{"v6 with a zone", "https://[fe80::1%25eth0]/", egress.ErrAddress},
	{"metadata over v6", "https://[fd00:ec2::254]/", egress.ErrAddress},
	{"v6 without brackets", "https://::1/", egress.ErrURL},

	{"localhost", "https://localhost/", egress.ErrInternal},
	{"localhost in capitals", "https://LOCALHOST/", egress.ErrInternal},
	{"localhost with a dot", "https://localhost./", egress.ErrInternal},
	{"localhost in circles", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", egress.ErrInternal},
	{"localhost with a soft hyphen", "https://local\u00adhost/", egress.ErrInternal},
	{"below localhost", "https://app.localhost/", egress.ErrInternal},
	{"a single label", "https://postgres/", egress.ErrInternal},
	{"a single label with a port", "https://redis:6379/", egress.ErrInternal},
	{".local", "https://printer.local/", egress.ErrInternal},
	{".local, Kelvin's K elsewhere", "https://printer.ⅼocal/", egress.ErrInternal},
	{".internal", "https://metadata.google.internal/", egress.ErrInternal},
	{".internal with a dot", "https://metadata.google.internal./", egress.ErrInternal},
	{".svc", "https://api.default.svc/", egress.ErrInternal},
	{"a service of a cluster", "https://api.default.svc.cluster.local/", egress.ErrInternal},
	{".localdomain", "https://host.localdomain/", egress.ErrInternal},
	{".home.arpa", "https://nas.home.arpa/", egress.ErrInternal},

	{"an empty label", "https://example..com/", egress.ErrHost},
	{"a dot first", "https://.example.com/", egress.ErrHost},
	{"dots alone", "https://../", egress.ErrHost},
	{"an underscore", "https://a_b.example.com/", egress.ErrHost},
	{"a hyphen first", "https://-a.example.com/", egress.ErrHost},
	{"bad punycode", "https://xn--a.example.com/", egress.ErrHost},
	{"punycode of ASCII", "https://xn--localhost-.example.com/", egress.ErrHost},
	{"a label too long", "https://" + strings.Repeat("a", 64) + ".com/", egress.ErrHost},
	{"a name too long", "https://" + strings.Repeat("a.", 127) + "com/", egress.ErrHost},
	{"a right-to-left mark", "https://exam\u202eple.com/", egress.ErrHost},
	{"a sign that becomes a slash", "https://127.0.0.1\u2100.example.com/", egress.ErrHost},
}

func guard(t *testing.T, c egress.Config) *egress.Guard {
	t.Helper()
	g, err := egress.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func prefixes(in ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(in))
	for i, p := range in {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

func TestCheckURLRefuses(t *testing.T) {
	g := guard(t, egress.Config{})
	if len(hostileURLs) < 60 {
		t.Fatalf("%d hostile URLs, want 60 at least", len(hostileURLs))
	}
	for _, tt := range hostileURLs {
		t.Run(tt.name, func(t *testing.T) {
			err := g.CheckURL(t.Context(), tt.url)
			got, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("%q is accepted, want %v", tt.url, tt.want)
			}
			if got.Message() != tt.want.Message() || got.Code() != "validation_failed" || got.Fields()[0] != tt.want.Fields()[0] || got.Fields()[0].Field != "url" {
				t.Errorf("%q: %v %v, want %v %v", tt.url, got, got.Fields(), tt.want, tt.want.Fields())
			}
		})
	}
}

func TestCheckURLAccepts(t *testing.T) {
	g := guard(t, egress.Config{Ports: []uint16{8443}})
	for _, url := range []string{
		"https://example.com",
		"https://example.com/",
		"https://example.com:443/hooks?tenant=a%20b&x=@",
		"https://example.com:8443/hooks",
		"HTTPS://HOOKS.Example.COM/a/../b",
		"https://example.com./",
		"https://a.b.c.d.example.co.uk/hook",
		"https://bücher.example/haken",
		"https://xn--bcher-kva.example/",
		"https://保険.例え.jp/",
		"https://1.2.3.4.example.com/",
		"https://127.0.0.1.example.com/",
		"https://0x7f.example/",
		"https://local.example.com/",
		"https://internal.example.com/",
		"https://notlocalhost.com/",
	} {
		if err := g.CheckURL(t.Context(), url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestCheckURLLooksNoPublicNameUp(t *testing.T) {
	dns, err := pushtest.NewDNS(func(string, int) []netip.Addr { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	g := guard(t, egress.Config{Resolver: dns.Resolver(), Allow: prefixes("127.0.0.0/8")})
	if err := g.CheckURL(t.Context(), "https://example.com/"); err != nil {
		t.Error(err)
	}
	if n := dns.Asked("example.com"); n != 0 {
		t.Errorf("the name was looked up %d times, want never", n)
	}
}

func TestCheckURLWithAllow(t *testing.T) {
	dns, err := pushtest.NewDNS(func(name string, _ int) []netip.Addr {
		return map[string][]netip.Addr{
			"inside.test":  {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")},
			"half.test":    {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1")},
			"outside.test": {netip.MustParseAddr("8.8.8.8")},
			"denied.test":  {netip.MustParseAddr("127.0.0.66")},
			"receiver":     {netip.MustParseAddr("127.0.0.1")},
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	g := guard(t, egress.Config{
		Resolver: dns.Resolver(), Allow: prefixes("127.0.0.0/8", "::1/128"), Deny: prefixes("127.0.0.66/32"),
	})
	tests := []struct {
		url  string
		want error
	}{
		{"http://127.0.0.1:8081/hook", nil},
		{"https://127.0.0.1:8081/hook", nil},
		{"http://[::1]:8081/hook", nil},
		{"http://[::ffff:127.0.0.1]:8081/hook", nil},
		{"http://localhost:8081/hook", nil}, // of the hosts file, which every resolver reads
		{"http://inside.test:8081/hook", nil},
		{"https://inside.test:8081/hook", nil},
		{"http://receiver:8081/hook", nil},
		{"https://example.com/hook", nil},
		{"http://half.test/", egress.ErrScheme},
		{"http://outside.test/", egress.ErrScheme},
		{"https://outside.test:8081/", egress.ErrPort},
		{"http://denied.test/", egress.ErrScheme},
		{"http://unknown.test/", egress.ErrScheme},
		{"https://unknown/", egress.ErrInternal},
		{"https://10.0.0.1/", egress.ErrAddress},
		{"https://127.0.0.66/", egress.ErrAddress},
		{"http://8.8.8.8/", egress.ErrScheme},
		{"http://me:secret@127.0.0.1/", egress.ErrUserinfo},
		{"http://127.0.0.1/#a", egress.ErrFragment},
		{"ftp://127.0.0.1/", egress.ErrScheme},
		{"http://127.0.0.1:0/", egress.ErrPort},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			err := g.CheckURL(t.Context(), tt.url)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			got, _ := errors.AsType[*fault.Error](err)
			want, _ := errors.AsType[*fault.Error](tt.want)
			if got != nil && got.Message() != want.Message() {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}

// aton reads an IPv4 address as C's inet_aton does, in any of its spellings.
func aton(host string) bool {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return false
	}
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 0, 64); err != nil || strings.HasPrefix(strings.ToLower(p), "0b") || strings.HasPrefix(strings.ToLower(p), "0o") {
			return false
		}
	}
	return true
}

// FuzzCheckURL holds whatever is accepted against what net/http would connect
// to.
func FuzzCheckURL(f *testing.F) {
	for _, h := range hostileURLs {
		f.Add(h.url)
	}
	f.Add("https://hooks.example.com/a?b=c")
	f.Add("https://bücher.example:443/")
	g, err := egress.New(egress.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := g.CheckURL(context.Background(), raw)
		if err != nil {
			if got, ok := errors.AsType[*fault.Error](err); !ok || got.Code() != "validation_failed" || len(got.Fields()) != 1 {
				t.Errorf("%q: %v is no fault about the url", raw, err)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("accepted %q: %v", raw, err)
		}
		host := u.Hostname()
		if ascii, err := idna.Lookup.ToASCII(host); err == nil {
			host = ascii
		}
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		if _, err := netip.ParseAddr(host); err == nil || aton(host) {
			t.Errorf("accepted %q, whose host is the address %s", raw, host)
		}
		if u.Scheme != "https" || u.User != nil || u.Fragment != "" || (u.Port() != "" && u.Port() != "443") {
			t.Errorf("accepted %q: %+v", raw, u)
		}
		for _, end := range []string{".local", ".internal", ".svc", ".localhost"} {
			if !strings.Contains(host, ".") || strings.HasSuffix(host, end) {
				t.Errorf("accepted %q, whose host is %s", raw, host)
			}
		}
	})
}
