package room

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// Limits of an annotation.
const (
	maxRemark = 4000   // characters
	maxPage   = 10_000 // of a document
)

// A Rectangle is a place on a page in hundredths of a percent of it, from its
// upper left corner.
type Rectangle struct{ X, Y, Width, Height int }

// whole is all of a page's length.
const whole = 10_000

// OnPage makes a Rectangle of fractions of a page; one that leaves the page is
// refused, naming the field.
func OnPage(x, y, width, height float64) (Rectangle, error) {
	var r Rectangle
	for _, f := range []struct {
		name string
		from float64
		to   *int
	}{{"x", x, &r.X}, {"y", y, &r.Y}, {"width", width, &r.Width}, {"height", height, &r.Height}} {
		if !(f.from >= 0 && f.from <= 1) { // so that NaN is refused, too
			return r, fault.ErrValidation.Field(f.name, "max")
		}
		*f.to = int(math.Round(f.from * whole))
	}
	if r.X+r.Width > whole {
		return r, fault.ErrValidation.Field("width", "max")
	}
	if r.Y+r.Height > whole {
		return r, fault.ErrValidation.Field("height", "max")
	}
	return r, nil
}

// An Annotation is a remark on a place of a shared document.
type Annotation struct {
	ID         AnnotationID
	Org        access.OrgID
	Room       ID
	File       FileID
	Page       int
	At         Rectangle
	Body       string
	Author     event.Author
	ResolvedBy string
	ResolvedAt *time.Time // nil while it is open
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
}

// Check returns the annotation as it is kept.
func (a Annotation) Check() (Annotation, error) {
	if a.Page < 1 || a.Page > maxPage {
		return a, fault.ErrValidation.Field("page", "max")
	}
	var err error
	a.Body, err = remark(a.Body)
	return a, err
}

func remark(s string) (string, error) {
	s, err := checkBody(s, false)
	if err == nil && utf8.RuneCountInString(s) > maxRemark {
		err = fault.ErrValidation.Field("body", "maxLength")
	}
	return s, err
}

// Change returns the annotation with another body, when body is not nil, and
// open or resolved, when resolved is not nil. Its words are its author's to
// change; whether it is resolved anybody may say who may annotate.
func (a Annotation) Change(by access.Actor, body *string, resolved *bool, at time.Time) (Annotation, error) {
	if body != nil {
		if by.ID != a.Author.ID {
			return a, ErrNotAuthor.Saying("Only its author may change the words of an annotation.")
		}
		var err error
		if a.Body, err = remark(*body); err != nil {
			return a, err
		}
	}
	switch {
	case resolved == nil || *resolved == (a.ResolvedAt != nil):
	case *resolved:
		a.ResolvedBy, a.ResolvedAt = by.ID, &at
	default:
		a.ResolvedBy, a.ResolvedAt = "", nil
	}
	a.UpdatedAt = at
	return a, nil
}

// Told is the annotation as others hear of it.
func (a Annotation) Told() event.Annotation {
	part := func(n int) float64 { return float64(n) / whole }
	return event.Annotation{
		ID: a.ID.String(), FileID: a.File.String(), Page: a.Page, X: part(a.At.X), Y: part(a.At.Y), Width: part(a.At.Width), Height: part(a.At.Height),
		Body: a.Body, Resolved: a.ResolvedAt != nil, Author: a.Author,
	}
}
