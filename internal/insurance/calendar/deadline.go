package calendar

import (
	_ "embed" // the table
	"encoding/json"
	"fmt"
	"sync"

	"cloud.google.com/go/civil"
)

// Unit is in what a deadline counts.
type Unit string

// The units of a deadline.
const (
	CalendarDays Unit = "calendar"
	BusinessDays Unit = "business"
)

// A Rule is one row of the table of legal deadlines and rates: law is data, with
// its source and the days on which it holds.
type Rule struct {
	Jurisdiction string `json:"jurisdiction"` // two letters
	Obligation   string `json:"obligation"`
	Kind         string `json:"kind,omitempty"` // of insurer: admitted or surplus; empty: any

	Days      int        `json:"days,omitempty"`
	Unit      Unit       `json:"unit,omitempty"`
	Inclusive bool       `json:"inclusive,omitempty"` // the day of the trigger is day one
	Quarters  []MonthDay `json:"quarters,omitempty"`  // instead: on which day after each quarter, the fourth's in the next year
	Rate      string     `json:"rate,omitempty"`      // instead: a decimal fraction

	From     string `json:"from,omitempty"` // first day; empty: always was
	Until    string `json:"until,omitempty"`
	Citation string `json:"citation"`
}

// MonthDay is a day of any year: 05-15.
type MonthDay string

//go:embed rules.json
var table []byte

var rules = sync.OnceValues(func() ([]Rule, error) {
	var all []Rule
	return all, json.Unmarshal(table, &all)
})

// RuleFor returns the rule of a jurisdiction for an obligation on a day; false
// when the table has none, which is not to say that the law has none.
func RuleFor(jurisdiction, obligation, kind string, on civil.Date) (Rule, bool) {
	all, err := rules()
	if err != nil {
		panic("rules.json: " + err.Error()) // a test reads it
	}
	for _, r := range all {
		if r.Jurisdiction == jurisdiction && r.Obligation == obligation && (r.Kind == "" || r.Kind == kind) && r.holds(on) {
			return r, true
		}
	}
	return Rule{}, false
}

func (r Rule) holds(on civil.Date) bool {
	from, _ := civil.ParseDate(r.From)
	until, err := civil.ParseDate(r.Until)
	return !on.Before(from) && (err != nil || on.Before(until))
}

// Due returns the last day to do what a rule asks for after a trigger: in
// business days of the calendar, or in days as they come.
func (c Calendar) Due(r Rule, trigger civil.Date) civil.Date {
	if len(r.Quarters) == 4 {
		return r.quarterly(trigger)
	}
	left := r.Days
	if r.Inclusive {
		left--
	}
	day := trigger
	if r.Unit != BusinessDays {
		return day.AddDays(left)
	}
	for left > 0 {
		day = day.AddDays(1)
		if c.zone == nil || c.IsWorkday(day) {
			left--
		}
	}
	return day
}

// quarterly returns when the quarter of a day is due.
func (r Rule) quarterly(trigger civil.Date) civil.Date {
	quarter := (int(trigger.Month) - 1) / 3
	year := trigger.Year
	if quarter == 3 {
		year++
	}
	due, _ := civil.ParseDate(fmt.Sprintf("%04d-%s", year, r.Quarters[quarter]))
	return due
}
