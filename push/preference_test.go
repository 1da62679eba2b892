package push_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
)

func TestAllows(t *testing.T) {
	some := push.Preferences{NoPush: []string{event.CategoryRooms, event.CategoryBilling}, NoMail: []string{event.CategoryRooms, event.CategoryClaims}}
	for _, tt := range []struct {
		name     string
		p        push.Preferences
		category string
		ways     string // A: APNs, F: FCM, M: mail, W: webhook
	}{
		{"who never said anything hears everything", push.Preferences{}, event.CategoryRooms, "AFMW"},
		{"neither phone nor mail", some, event.CategoryRooms, "W"},
		{"no phone", some, event.CategoryBilling, "MW"},
		{"no mail", some, event.CategoryClaims, "AFW"},
		{"a category that he did not name", some, event.CategoryAdmin, "AFMW"},
		{"a category of later", some, "weather", "AFMW"},
	} {
		got := ""
		for _, way := range []struct {
			letter string
			kind   push.Kind
		}{{"A", push.APNs}, {"F", push.FCM}, {"M", push.Mail}, {"W", push.Webhook}} {
			if tt.p.Allows(tt.category, way.kind) {
				got += way.letter
			}
		}
		if got != tt.ways {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.ways)
		}
	}
}

func TestMuted(t *testing.T) {
	p := push.Preferences{Rooms: []string{"room_1", "room_2"}}
	for room, want := range map[string]bool{"room_1": true, "room_2": true, "room_3": false, "": false} {
		if got := p.Muted(room); got != want {
			t.Errorf("%q: %v", room, got)
		}
	}
	if (push.Preferences{}).Muted("") {
		t.Error("who muted nothing muted what is no room")
	}
}

func TestQuietUntil(t *testing.T) {
	const (
		newYork = "America/New_York" // 2026: forward on March 8 at 2:00, back on November 1 at 2:00
		lord    = "Australia/Lord_Howe"
		beirut  = "Asia/Beirut" // forward at midnight
		chatham = "Pacific/Chatham"
	)
	night := func(zone string) *push.QuietHours {
		return &push.QuietHours{From: 22 * 60, Until: 7 * 60, Timezone: zone}
	}
	hours := func(from, until int, zone string) *push.QuietHours {
		return &push.QuietHours{From: from, Until: until, Timezone: zone}
	}
	for _, tt := range []struct {
		name  string
		quiet *push.QuietHours
		at    string
		until string // empty: not quiet
	}{
		{"none set", nil, "2026-06-01T03:00:00Z", ""},
		{"by day", night("UTC"), "2026-06-01T12:00:00Z", ""},
		{"just before", night("UTC"), "2026-06-01T21:59:59.999Z", ""},
		{"as they begin", night("UTC"), "2026-06-01T22:00:00Z", "2026-06-02T07:00:00Z"},
		{"before midnight", night("UTC"), "2026-06-01T23:59:59.5Z", "2026-06-02T07:00:00Z"},
		{"at midnight", night("UTC"), "2026-06-02T00:00:00Z", "2026-06-02T07:00:00Z"},
		{"after midnight", night("UTC"), "2026-06-02T06:59:59.999999Z", "2026-06-02T07:00:00Z"},
		{"as they end", night("UTC"), "2026-06-02T07:00:00Z", ""},
		{"over the end of a year", night("UTC"), "2026-12-31T23:00:00Z", "2027-01-01T07:00:00Z"},
		{"within one day", hours(13*60, 14*60+30, "UTC"), "2026-06-01T13:10:20Z", "2026-06-01T14:30:00Z"},
		{"within one day, before", hours(13*60, 14*60+30, "UTC"), "2026-06-01T12:59:00Z", ""},
		{"within one day, after", hours(13*60, 14*60+30, "UTC"), "2026-06-01T14:30:00Z", ""},
		{"until midnight", hours(20*60, 0, "UTC"), "2026-06-01T23:00:00Z", "2026-06-02T00:00:00Z"},
		{"until midnight, at midnight", hours(20*60, 0, "UTC"), "2026-06-02T00:00:00Z", ""},
		{"from midnight", hours(0, 6*60, "UTC"), "2026-06-02T00:00:00Z", "2026-06-02T06:00:00Z"},
		{"all day but a minute", hours(1, 0, "UTC"), "2026-06-01T00:01:00Z", "2026-06-02T00:00:00Z"},
		{"his night, our day", night(newYork), "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"},
		{"his day, our night", night(newYork), "2026-06-01T01:59:00Z", ""},
		{"a zone of 45 minutes", night(chatham), "2026-06-01T12:00:00Z", "2026-06-01T18:15:00Z"},
		{"a zone that nobody knows is UTC", night("Mars/Olympus"), "2026-06-01T23:00:00Z", "2026-06-02T07:00:00Z"},

		// The night in which clocks go forward has an hour less.
		{"the short night", night(newYork), "2026-03-08T04:00:00Z", "2026-03-08T11:00:00Z"},
		{"until an hour that the day does not have", hours(22*60, 2*60+30, newYork), "2026-03-08T06:50:00Z", "2026-03-08T07:00:00Z"},
		{"right after that hour", hours(22*60, 2*60+30, newYork), "2026-03-08T07:00:00Z", ""},
		{"hours that the day does not have at all", hours(2*60+10, 2*60+50, newYork), "2026-03-08T07:00:00Z", ""},
		{"from an hour that the day does not have", hours(2*60+30, 4*60, newYork), "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"},
		{"until midnight, which the day does not have, all the day before", hours(1, 0, beirut), "2026-03-28T21:30:00Z", "2026-03-29T21:00:00Z"},
		{"until midnight, which the day does not have", hours(20*60, 0, beirut), "2026-03-28T21:00:00Z", "2026-03-28T22:00:00Z"},
		{"half an hour forward", night(lord), "2026-10-03T13:00:00Z", "2026-10-03T20:00:00Z"},

		// The night in which they go back has one more.
		{"the long night", night(newYork), "2026-11-01T03:00:00Z", "2026-11-01T12:00:00Z"},
		{"until an hour that comes twice, before the first", hours(22*60, 60+30, newYork), "2026-11-01T05:10:00Z", "2026-11-01T05:30:00Z"},
		{"until an hour that comes twice, before the second", hours(22*60, 60+30, newYork), "2026-11-01T06:10:00Z", "2026-11-01T06:30:00Z"},
		{"until an hour that comes twice, between", hours(22*60, 60+30, newYork), "2026-11-01T05:30:00Z", ""},
		{"from an hour that comes twice", hours(60+30, 5*60, newYork), "2026-11-01T05:40:00Z", "2026-11-01T06:00:00Z"},
		{"from the second of them", hours(60+30, 5*60, newYork), "2026-11-01T06:30:00Z", "2026-11-01T10:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			until, quiet := push.Preferences{Quiet: tt.quiet}.QuietUntil(at)
			got := ""
			if quiet {
				got = until.UTC().Format(time.RFC3339Nano)
			}
			if got != tt.until {
				t.Errorf("at %s quiet until %q, want %q", tt.at, got, tt.until)
			}
		})
	}
}

// TestQuietEnds goes through the months in which clocks change: whoever waits
// until quiet hours end is not told to wait again, and never waits longer than
// the hours and the clock's change.
func TestQuietEnds(t *testing.T) {
	changes := []time.Month{time.March, time.April, time.October, time.November}
	for _, zone := range []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "Asia/Kathmandu", "UTC"} {
		for _, q := range []push.QuietHours{{From: 22 * 60, Until: 7 * 60}, {From: 60, Until: 2*60 + 30}, {From: 2*60 + 15, Until: 2*60 + 45}, {From: 23*60 + 59, Until: 0}, {From: 90, Until: 0}} {
			q.Timezone = zone
			p := push.Preferences{Quiet: &q}
			longest := time.Duration((q.Until-q.From+24*60)%(24*60))*time.Minute + time.Hour
			quiet := 0
			for at := time.Date(2026, 1, 1, 0, 7, 11, 0, time.UTC); at.Year() == 2026; at = at.Add(37 * time.Minute) {
				if !slices.Contains(changes, at.Month()) {
					continue
				}
				until, ok := p.QuietUntil(at)
				if !ok {
					continue
				}
				quiet++
				if !until.After(at) || until.Sub(at) > longest {
					t.Fatalf("%s %d-%d: at %s quiet until %s", zone, q.From, q.Until, at, until)
				}
				if again, still := p.QuietUntil(until); still {
					t.Fatalf("%s %d-%d: quiet until %s, and then until %s", zone, q.From, q.Until, until, again)
				}
			}
			if quiet == 0 {
				t.Errorf("%s %d-%d: never quiet", zone, q.From, q.Until)
			}
		}
	}
}
