package rating

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
)

// MaxSchedule is how much judgement may move a premium either way, in per cent.
const MaxSchedule = 25

// ErrSchedule is what is wrong with a schedule rating.
var ErrSchedule = fault.New(fault.Refused, "schedule_rating", "A schedule rating moves the premium by no more than the rates allow, for a reason.")

// ScheduleReasons are those for which a premium may be moved.
var ScheduleReasons = []string{"management", "employees", "premises", "equipment", "safety", "classification", "other"}

// A Schedule is an underwriter's judgement of a risk: so many per cent off
// (negative) or on, and why.
type Schedule struct {
	Percent int    `json:"percent"`
	Reason  string `json:"reason"`
	Note    string `json:"note,omitempty"` // needed for the reason "other"
}

// factor is what the premium is multiplied by: 0.9 for ten per cent off.
func (s Schedule) factor() string {
	n := 100 + s.Percent
	f := strconv.Itoa(n/100) + "." + strconv.Itoa(n%100/10) + strconv.Itoa(n%10)
	return strings.TrimSuffix(strings.TrimRight(f, "0"), ".")
}

// mostSchedule is how many per cent the book lets judgement move a premium.
func (b Book) mostSchedule() int {
	if b.ScheduleMax > 0 {
		return b.ScheduleMax
	}
	return MaxSchedule
}

// Allows returns ErrSchedule with everything that is wrong with a schedule
// rating under the book.
func (b Book) Allows(s Schedule) error {
	most := b.mostSchedule()
	bad := ErrSchedule
	switch {
	case s.Percent == 0:
		bad = bad.Field("schedule.percent", "required")
	case s.Percent < -most:
		bad = bad.Field("schedule.percent", "min")
	case s.Percent > most:
		bad = bad.Field("schedule.percent", "max")
	}
	if !slices.Contains(ScheduleReasons, s.Reason) {
		bad = bad.Field("schedule.reason", "enum")
	} else if s.Reason == "other" && fault.Blank(s.Note) {
		bad = bad.Field("schedule.note", "required")
	}
	if len(bad.Fields()) > 0 {
		return bad.With("maximum", most)
	}
	return nil
}
