package push

import (
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// A Fact is a committed event that nobody outside has been told of.
type Fact struct {
	Event   event.ID
	Type    string
	Org     access.OrgID
	About   string // the id of what it happened to
	At      time.Time
	Payload []byte         // the envelope
	Persons []event.Person // who hears it in person
	Quiet   bool           // phones and mailboxes are left alone
}

// A Recipient is a person with what reaches him where.
type Recipient struct {
	Preferences
	Devices []Device
	Mailbox bool // whether there is an address to send mail to
}

// A Telling is what one person is told of a fact, and by which ways.
type Telling struct {
	Event   event.ID
	Type    string
	Subject string
	Org     access.OrgID // his
	Notice  Notice
	Devices []Device
	NotTill time.Time // quiet hours: not before then on his phones
	Mail    bool
}

// Tell plans what persons are told of a fact: a row in the inbox of each, and
// the phones and mailboxes that the catalogue and his preferences let it reach.
// Rings says whether phones and mailboxes are to be reached at all. A type that
// has no words tells nobody anything.
func Tell(f Fact, rings bool, now time.Time, recipients map[string]Recipient) []Telling {
	t, ok := event.Lookup(f.Type)
	if !ok {
		return nil
	}
	var out []Telling
	at := map[string]int{}
	for _, p := range f.Persons {
		if !slices.Contains(t.Persons, p.As) {
			continue
		}
		i, known := at[p.Subject]
		if !known {
			n, ok := noticeOf(f, t, p.As)
			if !ok {
				return nil
			}
			i = len(out)
			at[p.Subject] = i
			out = append(out, Telling{Event: f.Event, Type: f.Type, Subject: p.Subject, Org: p.Org, Notice: n})
		}
		if f.Quiet || !rings {
			continue
		}
		r, n := recipients[p.Subject], out[i].Notice
		if slices.Contains(t.Push, p.As) && r.Allows(n.Category, APNs) {
			out[i].Devices = r.Devices
		}
		if slices.Contains(t.Mail, p.As) && r.Mailbox && r.Allows(n.Category, Mail) {
			out[i].Mail = true
		}
		if until, quiet := r.QuietUntil(now); quiet && !n.Urgent {
			out[i].NotTill = until
		}
	}
	return out
}

// The ages at which a notice is not worth ringing for any more.
const (
	roomAge  = 24 * time.Hour
	otherAge = 72 * time.Hour
)

func noticeOf(f Fact, t event.Type, as string) (Notice, bool) {
	e, err := event.Open(f.Payload)
	if err != nil {
		return Notice{}, false
	}
	words, ok := event.WordsFor(f.Type, as, e.Data)
	if !ok {
		return Notice{}, false
	}
	age := otherAge
	if t.Category == event.CategoryRooms {
		age = roomAge
	}
	return Notice{Category: t.Category, About: f.About, Words: words, Link: link(f.About), Urgent: t.Urgent, Expires: f.At.Add(age)}, true
}

// places are where an app shows what an id names.
var places = map[string]string{
	"room": "/deal-rooms/", "sub": "/submissions/", "pol": "/policies/", "inv": "/invoices/", "ref": "/referrals/", "clm": "/claims/",
	"doc": "/documents/", "whk": "/webhooks/",
}

// link is the path at which an app shows a thing; empty when there is none.
func link(about string) string {
	prefix, _, _ := strings.Cut(about, "_")
	if place, ok := places[prefix]; ok {
		return place + about
	}
	return ""
}
