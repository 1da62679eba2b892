package submission

import (
	"errors"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
)

// How far from the day on which it is said cover, or a rate, may begin: older
// business is history that no renewal asks for any more, and nobody prices what is
// farther ahead. What lies beyond is a slip of the pen.
const (
	YearsBack  = 10
	YearsAhead = 5
)

// Near adds to what err says is wrong that a day lies more than so many years before
// the day of an instant, or more than YearsAhead after it. Of no day at all it says
// nothing.
func Near(err error, field string, day civil.Date, at time.Time, back int) error {
	bad, wrong := errors.AsType[*fault.Error](err)
	if !wrong {
		bad = fault.ErrValidation
	}
	switch today := civil.DateOf(at); {
	case day.IsZero():
		return err
	case day.Before(today.AddYears(-back)):
		return bad.Field(field, "min")
	case day.After(today.AddYears(YearsAhead)):
		return bad.Field(field, "max")
	}
	return err
}

// CheckAt is Check on a day: the effective date is near to it as well.
func (s Submission) CheckAt(at time.Time) error {
	return Near(s.Check(), "effectiveDate", s.EffectiveDate, at, YearsBack)
}
