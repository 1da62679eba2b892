package billing

import (
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/calendar"
)

// A Notice is what is told of an invoice that is owed.
type Notice string

// The notices of an invoice, in their order. Each is told once at most.
const (
	DueSoon    Notice = "due_soon"
	Overdue    Notice = "overdue"
	LastNotice Notice = "last_notice"
)

// Bounds and defaults of Dunning, in days.
const (
	StandardAhead = 7
	MaxAhead      = 60
	StandardLast  = 10
	MaxLast       = 90
)

// Dunning is when an organisation reminds of what is owed.
type Dunning struct {
	Ahead int            // days before the due day
	Last  int            // days from when an invoice was told overdue until the last notice
	Zone  *time.Location // whose days and mornings count
}

// Owed lists the states of an invoice in which somebody has to pay it.
var Owed = []string{"open", "failed"}

// IsOwed reports whether somebody has to pay the invoice.
func (i Invoice) IsOwed() bool { return slices.Contains(Owed, i.Status) }

// IsPastDue reports whether an invoice is owed for longer than it should be. It
// is so from the moment at which that is told.
func (i Invoice) IsPastDue() bool { return i.PastDueAt != nil && i.IsOwed() }

// Remind sets what is told first of an invoice that is made at a time: when that
// is late for a reminder, the first is that it is overdue. An invoice that is
// made after its due day may be paid on the day on which it is made.
func (i Invoice) Remind(d Dunning, at time.Time) Invoice {
	if soon := calendar.Morning(i.Due.AddDays(-d.Ahead), d.Zone); soon.After(at) {
		return i.next(DueSoon, soon)
	}
	return i.next(Overdue, d.overdue(i.Due, at))
}

// Tell returns the invoice after what was due at a time was told of it, and what
// that is; nothing when nothing was. A reminder that comes too late is left out.
func (i Invoice) Tell(d Dunning, at time.Time) (Invoice, Notice) {
	if !i.IsOwed() || i.NoticeAt == nil || i.NoticeAt.After(at) {
		return i, ""
	}
	told := i.Notice
	if told == DueSoon && !d.overdue(i.Due, *i.NoticeAt).After(at) {
		told = Overdue
	}
	switch told {
	case DueSoon:
		i = i.next(Overdue, d.overdue(i.Due, at))
	case Overdue:
		i.PastDueAt, i.UpdatedAt = &at, at
		i = i.next(LastNotice, calendar.Morning(civil.DateOf(at.In(d.Zone)).AddDays(d.Last), d.Zone))
	default:
		i.Notice, i.NoticeAt = "", nil
	}
	return i, told
}

// overdue is the morning after the due day, or after the day of a time when that
// is later.
func (d Dunning) overdue(due civil.Date, at time.Time) time.Time {
	if day := civil.DateOf(at.In(d.Zone)); day.After(due) {
		due = day
	}
	return calendar.Morning(due.AddDays(1), d.Zone)
}

func (i Invoice) next(n Notice, at time.Time) Invoice {
	i.Notice, i.NoticeAt = n, &at
	return i
}
