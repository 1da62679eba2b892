package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/openinsure/openinsure/internal/insurance/money"
)

// members is the data of an event. Numbers are kept as they are written.
type members map[string]any

// membersOf reads data; what is no object has no members.
func membersOf(data []byte) members {
	var m members
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

// fill renders a text of the table.
func (m members) fill(text, lang string) string {
	var b strings.Builder
	for text != "" {
		before, rest, ok := strings.Cut(text, "[")
		plain, _ := m.place(before, lang)
		b.WriteString(plain)
		if !ok {
			break
		}
		part, after, _ := strings.Cut(rest, "]")
		for choice := range strings.SplitSeq(part, "|") {
			if s, complete := m.place(choice, lang); complete {
				b.WriteString(s)
				break
			}
		}
		text = after
	}
	return b.String()
}

// place puts members in their places, and reports whether all were there.
func (m members) place(text, lang string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), true
		}
		var place string
		place, text, _ = strings.Cut(rest, "}")
		name, format, _ := strings.Cut(place, ":")
		value, ok := m.text(name)
		if ok {
			value, ok = formats[format](value, lang)
		}
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
}

// mostMember is how much of a member is told, in characters.
const mostMember = 80

// text returns a member as a line of text. One that is missing, empty or
// neither text nor a number is not there.
func (m members) text(name string) (string, bool) {
	outer, inner, nested := strings.Cut(name, ".")
	if nested {
		in, _ := m[outer].(map[string]any)
		return members(in).text(inner)
	}
	var s string
	switch v := m[name].(type) {
	case string:
		s = strings.Join(strings.FieldsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	case json.Number:
		s = v.String()
	}
	if runes := []rune(s); len(runes) > mostMember {
		s = strings.TrimSpace(string(runes[:mostMember-1])) + "…"
	}
	return s, s != ""
}

// formats are the ways in which a member is written in a language.
var formats = map[string]func(value, lang string) (string, bool){
	"":        func(value, _ string) (string, bool) { return value, true },
	"dollars": dollars,
	"change":  change,
	"date":    date,
	"thing":   thing,
	"host":    host,
}

// dollars writes an amount as $14,250 or $712.50, as both languages do in the
// United States.
func dollars(value, _ string) (string, bool) {
	c, err := money.Parse(value)
	return c.Dollars(), err == nil
}

// change writes an amount that is not nothing.
func change(value, lang string) (string, bool) {
	if c, err := money.Parse(value); err != nil || c == 0 {
		return "", false
	}
	return dollars(value, lang)
}

// host writes the host of an address: what follows it may be a secret.
func host(value, _ string) (string, bool) {
	u, err := url.Parse(value)
	if err != nil {
		return "", false
	}
	return u.Hostname(), u.Hostname() != ""
}

var meses = [...]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"}

// date writes a date, or the date of an instant in UTC, as April 1, 2026 or 1
// de abril de 2026.
func date(value, lang string) (string, bool) {
	at, err := time.Parse(time.DateOnly, value)
	if err != nil {
		if at, err = time.Parse(time.RFC3339, value); err != nil {
			return "", false
		}
		at = at.UTC()
	}
	if lang == "es" {
		return fmt.Sprintf("%d de %s de %d", at.Day(), meses[at.Month()-1], at.Year()), true
	}
	return at.Format("January 2, 2006"), true
}

var things = map[string]map[string]string{
	"en": {"submission": "a submission", "quote": "a quote", "policy": "a policy"},
	"es": {"submission": "una solicitud", "quote": "una cotización", "policy": "una póliza"},
}

// thing names what an entityType is.
func thing(value, lang string) (string, bool) {
	s, ok := things[lang][value]
	return s, ok
}
