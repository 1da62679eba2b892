package mail

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Errors of addresses. They do not repeat the address, which is personal data.
var (
	errNoMailbox = errors.New("the delivery names no mailbox")
	errAddress   = errors.New("the mailbox's address is malformed")
)

// mostName is the longest name of a person in a header, in characters.
const mostName = 100

// domains are names that may be looked up.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// mailbox checks an address and returns it in the form in which it is sent: its
// domain in ASCII, its name on one line.
func mailbox(name, address string) (mail.Address, error) {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Name != "" || parsed.Address != address || len(address) > 254 {
		return mail.Address{}, errAddress
	}
	at := strings.LastIndexByte(address, '@')
	local, domain := address[:at], address[at+1:]
	if len(local) > 64 || strings.ContainsFunc(address, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>"(),:;\[]`, r)
	}) {
		return mail.Address{}, errAddress
	}
	if domain, err = domains.ToASCII(domain); err != nil {
		return mail.Address{}, errAddress
	}
	return mail.Address{Name: line(name, mostName), Address: local + "@" + domain}, nil
}

// line makes text fit for a header or a log: one line without control
// characters, of at most so many characters.
func line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) && r != '\u200d':
			return -1 // invisible: it could turn a line around or hide a part of it
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	s = strings.ReplaceAll(s, "=?", "= ?") // or who reads the header would decode what follows
	if runes := []rune(s); len(runes) > most {
		s = strings.TrimSpace(string(runes[:most-1])) + "…"
	}
	return s
}

// detail makes an answer or an error fit for push.Result.
func detail(s string) string { return line(s, 500) }
