package push

import (
	"slices"
	"time"
)

// MostMuted is how many rooms a person may mute.
const MostMuted = 200

// Preferences say what reaches a person where. The zero value lets everything
// through. Whatever they say, his inbox has it.
type Preferences struct {
	Locale string      // BCP 47; empty is en
	NoPush []string    // categories
	NoMail []string    // categories
	Rooms  []string    // muted: only mentions ring
	Quiet  *QuietHours // nil: none

	Version int // 0: he never said anything
}

// QuietHours are when phones stay silent, in minutes after midnight; From may be
// later than Until, and is never the same.
type QuietHours struct {
	From, Until int
	Timezone    string // IANA
}

// Allows reports whether a category reaches a person by a way out.
func (p Preferences) Allows(category string, by Kind) bool {
	switch by {
	case APNs, FCM:
		return !slices.Contains(p.NoPush, category)
	case Mail:
		return !slices.Contains(p.NoMail, category)
	case Webhook:
	}
	return true
}

// Muted reports whether a room is muted.
func (p Preferences) Muted(room string) bool { return slices.Contains(p.Rooms, room) }

// QuietUntil returns when the quiet hours that hold at a time end; ok is false
// when none hold. What holds is what the clock on the wall says: hours that a
// day does not have are not waited for, and those it has twice are quiet twice.
func (p Preferences) QuietUntil(at time.Time) (until time.Time, ok bool) {
	if p.Quiet == nil {
		return time.Time{}, false
	}
	zone, err := time.LoadLocation(p.Quiet.Timezone)
	if err != nil {
		zone = time.UTC
	}
	at = at.In(zone)
	// From one change of the zone's offset to the next, the clock on the wall
	// goes as any other.
	for until = at; p.Quiet.hold(until); ok = true {
		wait := (time.Duration(p.Quiet.Until)*time.Minute - sinceMidnight(until) + 24*time.Hour) % (24 * time.Hour)
		end := until.Add(wait)
		if _, change := until.ZoneBounds(); !change.IsZero() && !change.After(end) {
			until = change
			continue
		}
		return end, true
	}
	return until, ok
}

// hold reports whether the clock on the wall is within the hours.
func (q QuietHours) hold(at time.Time) bool {
	now, from, until := sinceMidnight(at), time.Duration(q.From)*time.Minute, time.Duration(q.Until)*time.Minute
	if from < until {
		return from <= now && now < until
	}
	return now >= from || now < until
}

// sinceMidnight is what the clock on the wall shows.
func sinceMidnight(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}
