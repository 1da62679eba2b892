package producer

import (
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
)

type appointmentKind struct{}

func (appointmentKind) Prefix() string { return "apt_" }

// AppointmentID identifies an appointment.
type AppointmentID = id.ID[appointmentKind]

// NewAppointmentID mints the id of an appointment made at the given time.
func NewAppointmentID(at time.Time) AppointmentID { return id.New[appointmentKind](at) }

// The clocks of an appointment, in calendar days: it is filed with the state
// within fileWithin of the contract, and its end is noticed within
// noticeWithin. States differ; these are the common ones.
const (
	fileWithin   = 15
	noticeWithin = 30
)

// AppointmentStatus is where an appointment stands.
type AppointmentStatus string

// The states of an appointment. A producer may sell from the contract on, while
// the filing is under way.
const (
	AppointmentPending    AppointmentStatus = "pending"    // to be filed with the state
	AppointmentFiled      AppointmentStatus = "filed"      // waiting for the state's word
	AppointmentActive     AppointmentStatus = "active"     // the state has it
	AppointmentRejected   AppointmentStatus = "rejected"   // final
	AppointmentTerminated AppointmentStatus = "terminated" // the state is to be told
	AppointmentNoticed    AppointmentStatus = "noticed"    // the state was told of the end; final
)

// AppointmentStatuses lists every state.
var AppointmentStatuses = []AppointmentStatus{
	AppointmentPending, AppointmentFiled, AppointmentActive, AppointmentRejected, AppointmentTerminated, AppointmentNoticed,
}

var nextAppointment = map[AppointmentStatus][]AppointmentStatus{
	AppointmentPending:    {AppointmentFiled, AppointmentTerminated},
	AppointmentFiled:      {AppointmentActive, AppointmentRejected, AppointmentTerminated},
	AppointmentActive:     {AppointmentTerminated},
	AppointmentTerminated: {AppointmentNoticed},
}

// Faults of appointments.
var (
	ErrAppointmentState = fault.New(fault.Refused, "appointment_state", "The appointment is not in a state that allows this.")
	ErrConfirmation     = fault.ErrValidation.Field("confirmationNumber", "required")
	ErrCause            = fault.ErrValidation.Field("reason", "required")
	ErrNoCarrier        = fault.ErrValidation.Field("carrier", "required")
	ErrOtherCarrier     = fault.ErrValidation.Field("carrier", "same")
)

// An Appointment lets a producer sell some lines in one state for a carrier.
type Appointment struct {
	ID           AppointmentID
	Producer     ID
	Carrier      string     // its name
	CarrierID    carrier.ID // zero: it goes by the name alone
	State        string     // two letters
	Lines        []string   // none: all
	Contract     civil.Date
	Status       AppointmentStatus
	FiledOn      civil.Date
	Confirmation string // of the state
	Ended        civil.Date
	Cause        string
	NoticedOn    civil.Date
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// FileBy is the last day on which the appointment is filed in time.
func (a Appointment) FileBy() civil.Date { return a.Contract.AddDays(fileWithin) }

// NoticeBy is the last day on which the state is told of the end in time; zero
// while it has not ended.
func (a Appointment) NoticeBy() civil.Date {
	if a.Ended.IsZero() {
		return civil.Date{}
	}
	return a.Ended.AddDays(noticeWithin)
}

// Overdue is whether one of its clocks has run out on a day.
func (a Appointment) Overdue(day civil.Date) bool {
	return a.Status == AppointmentPending && day.After(a.FileBy()) || a.Status == AppointmentTerminated && day.After(a.NoticeBy())
}

// Covers is whether the producer may sell a line in a state on a day: from the
// contract on, unless the filing is overdue or the state refused.
func (a Appointment) Covers(state, line string, day civil.Date) bool {
	switch a.Status {
	case AppointmentPending, AppointmentFiled, AppointmentActive:
	default:
		return false
	}
	return !a.Overdue(day) && !day.Before(a.Contract) && a.State == state && (len(a.Lines) == 0 || slices.Contains(a.Lines, line))
}

// Check reports an appointment that does not say with whom it is.
func (a Appointment) Check() error {
	if a.Carrier == "" && a.CarrierID.IsZero() {
		return ErrNoCarrier
	}
	return nil
}

// Naming returns the appointment with a carrier that is known by its id, by
// whose name it goes: ErrOtherCarrier when it names another one.
func (a Appointment) Naming(c carrier.Carrier) (Appointment, error) {
	if a.Carrier != "" && !strings.EqualFold(a.Carrier, c.Name) {
		return a, ErrOtherCarrier
	}
	a.Carrier, a.CarrierID = c.Name, c.ID
	return a, nil
}

// With is whether the appointment is one with a carrier: the one that it names by
// id, or when it names none, the one of its name.
func (a Appointment) With(c carrier.Carrier) bool {
	if a.CarrierID.IsZero() {
		return strings.EqualFold(a.Carrier, c.Name)
	}
	return a.CarrierID == c.ID
}

// A Step is a change of an appointment's state.
type Step struct {
	To           AppointmentStatus
	On           civil.Date // zero: today
	Confirmation string     // needed to become active
	Cause        string     // needed to end
}

// Check reports what a step lacks, wherever it comes from.
func (s Step) Check() error {
	switch {
	case s.To == AppointmentActive && s.Confirmation == "":
		return ErrConfirmation
	case s.To == AppointmentTerminated && s.Cause == "":
		return ErrCause
	}
	return nil
}

// Take returns the appointment after a step.
func (a Appointment) Take(s Step, at time.Time) (Appointment, error) {
	if !slices.Contains(nextAppointment[a.Status], s.To) {
		return a, ErrAppointmentState.With("status", a.Status)
	}
	if err := s.Check(); err != nil {
		return a, err
	}
	today := dayOf(at)
	if s.On.IsZero() {
		s.On = today
	}
	if s.On.After(today) {
		return a, fault.ErrValidation.Field("on", "max")
	}
	if s.On.Before(a.Contract) {
		return a, fault.ErrValidation.Field("on", "min")
	}
	switch s.To {
	case AppointmentFiled:
		a.FiledOn = s.On
	case AppointmentActive:
		a.Confirmation = s.Confirmation
	case AppointmentTerminated:
		a.Ended, a.Cause = s.On, s.Cause
	case AppointmentNoticed:
		if s.On.Before(a.Ended) {
			return a, fault.ErrValidation.Field("on", "min")
		}
		a.NoticedOn = s.On
	case AppointmentPending, AppointmentRejected:
	}
	a.Status, a.UpdatedAt = s.To, at
	return a, nil
}
