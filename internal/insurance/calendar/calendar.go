// Package calendar counts time as a business does: working hours in a time
// zone, with holidays, and the days of legal deadlines.
package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
)

// MaxHolidays is how many holidays a calendar may list.
const MaxHolidays = 400

// Spec is a calendar as it is written down. Each working day has the same hours.
type Spec struct {
	TimeZone string       `json:"timeZone"` // of the IANA database
	Opens    string       `json:"opens"`    // 09:00
	Closes   string       `json:"closes"`   // 17:00; 24:00 is midnight
	Workdays []string     `json:"workdays"` // mon … sun
	Holidays []civil.Date `json:"holidays"`
}

// Standard is the calendar of an organisation that has set none: nine to five in
// New York, Monday to Friday, and no holidays.
func Standard() Spec {
	return Spec{TimeZone: "America/New_York", Opens: "09:00", Closes: "17:00", Workdays: []string{"mon", "tue", "wed", "thu", "fri"}, Holidays: []civil.Date{}}
}

var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

// A Calendar counts working time. The zero Calendar has none; Parse makes one.
type Calendar struct {
	zone     *time.Location
	opens    int // minutes of the day
	closes   int
	works    [7]bool
	holidays map[civil.Date]bool
}

// Parse reads a Spec and reports everything that is wrong with it, as fields
// below prefix.
func Parse(s Spec, prefix string) (Calendar, error) {
	var bad fault.Complaints
	wrong := func(is bool, field, rule string) { bad.When(is, prefix+field, rule) }
	c := Calendar{holidays: map[civil.Date]bool{}}
	zone, err := time.LoadLocation(s.TimeZone)
	wrong(err != nil || s.TimeZone == "" || s.TimeZone == "Local", "timeZone", "timezone")
	c.zone = zone
	var ok bool
	c.opens, ok = minutes(s.Opens)
	wrong(!ok, "opens", "format")
	c.closes, ok = minutes(s.Closes)
	wrong(!ok, "closes", "format")
	wrong(ok && c.closes <= c.opens, "closes", "min")
	wrong(len(s.Workdays) == 0, "workdays", "minItems")
	for i, name := range fault.Fitting(&bad, prefix+"workdays", s.Workdays, len(days)) {
		day := slices.Index(days, strings.ToLower(name))
		wrong(day < 0, fmt.Sprintf("workdays[%d]", i), "enum")
		if day >= 0 {
			wrong(c.works[day], fmt.Sprintf("workdays[%d]", i), "unique")
			c.works[day] = true
		}
	}
	for i, day := range fault.Fitting(&bad, prefix+"holidays", s.Holidays, MaxHolidays) {
		wrong(!day.IsValid(), fmt.Sprintf("holidays[%d]", i), "format")
		c.holidays[day] = true
	}
	if err := bad.On(fault.ErrValidation); err != nil {
		return Calendar{}, err
	}
	return c, nil
}

// minutes reads a time of day as minutes since midnight.
func minutes(s string) (int, bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

// IsWorkday reports whether anybody works on a day.
func (c Calendar) IsWorkday(d civil.Date) bool {
	return c.works[d.In(time.UTC).Weekday()] && !c.holidays[d]
}

// morning is the hour at which people are told what is due on a day.
const morning = 9

// Morning returns when people are told what is due on a day: at nine in a zone.
func Morning(d civil.Date, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, morning, 0, 0, 0, zone).UTC()
}

// Zone returns the time zone of a Spec; UTC when it has none that there is.
func (s Spec) Zone() *time.Location {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// hours returns when work begins and ends on a day. Where clocks change, a day
// is as long as it is.
func (c Calendar) hours(d civil.Date) (from, to time.Time) {
	at := func(minutes int) time.Time {
		return time.Date(d.Year, d.Month, d.Day, minutes/60, minutes%60, 0, 0, c.zone)
	}
	return at(c.opens), at(c.closes)
}

// MaxReach is how many days the end of a working time is looked for: 40 years. A
// calendar may have so little of it that there is no end anybody would see.
const MaxReach = 40 * 366

// Add returns the instant at which d of working time has passed since t. What
// would end with a day ends on that day, not at the start of the next. Without
// any working time it is t, and what takes longer than MaxReach ends then.
func (c Calendar) Add(t time.Time, d time.Duration) time.Time {
	if d <= 0 || c.zone == nil {
		return t
	}
	first := civil.DateOf(t.In(c.zone))
	for n := range MaxReach {
		day := first.AddDays(n)
		if !c.IsWorkday(day) {
			continue
		}
		from, to := c.hours(day)
		if from.Before(t) {
			from = t
		}
		if left := to.Sub(from); left > 0 {
			if d <= left {
				return from.Add(d).In(t.Location())
			}
			d -= left
		}
	}
	return t.AddDate(0, 0, MaxReach)
}

// Between returns the working time from one instant to another; 0 when they are
// the wrong way round.
func (c Calendar) Between(from, to time.Time) time.Duration {
	if c.zone == nil || !from.Before(to) {
		return 0
	}
	var sum time.Duration
	last := civil.DateOf(to.In(c.zone))
	for day := civil.DateOf(from.In(c.zone)); !day.After(last); day = day.AddDays(1) {
		if !c.IsWorkday(day) {
			continue
		}
		opens, closes := c.hours(day)
		if opens.Before(from) {
			opens = from
		}
		if closes.After(to) {
			closes = to
		}
		if opens.Before(closes) {
			sum += closes.Sub(opens)
		}
	}
	return sum
}
