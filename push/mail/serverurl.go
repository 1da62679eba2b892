package mail

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

// security is how a connection is kept private.
type security int

const (
	startTLS    security = iota // required: without it nothing is sent
	implicitTLS                 // from the first byte
	noTLS                       // for development
)

// serverURL is an SMTP address, read.
type serverURL struct {
	host           string
	port           string
	user, password string
	login          bool
	security       security
}

// parseURL reads an SMTP address. Its errors do not repeat it: it holds a
// password.
func parseURL(s string) (serverURL, error) {
	bad := func(format string, args ...any) (serverURL, error) {
		return serverURL{}, fmt.Errorf("mail: the SMTP address "+format, args...)
	}
	u, err := url.Parse(s)
	if err != nil {
		// Only what url.Error says of the reason, not the address it quotes.
		if ue := new(url.Error); errors.As(err, &ue) {
			if _, ok := errors.AsType[url.EscapeError](ue.Err); ok {
				return bad("is malformed: a %% in the user or password is written %%25")
			}
		}
		return bad("is malformed; it looks like smtp://user:password@host:587, with :/?#@ in the password written as %%3A %%2F %%3F %%23 %%40")
	}
	v := serverURL{host: u.Hostname(), port: u.Port()}
	switch u.Scheme {
	case "smtp":
		v.security = startTLS
	case "smtps":
		v.security = implicitTLS
	case "":
		return bad("has no scheme: smtp:// (STARTTLS) or smtps:// (TLS)")
	default:
		return bad("has the scheme %q: it is smtp:// (STARTTLS) or smtps:// (TLS)", line(u.Scheme, 20))
	}
	if v.host == "" {
		return bad("names no host")
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return bad("ends with the port: no path and no fragment")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("has a malformed query")
	}
	for name, values := range query {
		switch {
		case name != "tls":
			return bad("knows no option %q, only tls=none", line(name, 20))
		case len(values) != 1 || values[0] != "none":
			return bad("has another tls than none: smtp:// alone is STARTTLS, smtps:// is TLS")
		case v.security == implicitTLS:
			return bad("is smtps:// and tls=none at once")
		}
		v.security = noTLS
	}
	if u.User != nil {
		v.login = true
		v.user = u.User.Username()
		v.password, _ = u.User.Password()
		if v.user == "" || v.password == "" {
			return bad("needs both a user and a password, or neither")
		}
		if v.security == noTLS && !loopback(v.host) {
			return bad("would send a password in the clear: tls=none with a user is for loopback only")
		}
	}
	if v.port == "" {
		v.port = map[security]string{startTLS: "587", implicitTLS: "465", noTLS: "25"}[v.security]
	}
	if n, err := strconv.Atoi(v.port); err != nil || n < 1 || n > 65535 {
		return bad("has a port outside 1 to 65535")
	}
	return v, nil
}

func (v serverURL) addr() string { return net.JoinHostPort(v.host, v.port) }

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
