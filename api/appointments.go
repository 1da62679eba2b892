package api

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

type appointmentBody struct {
	ID                 string    `json:"id"`
	ProducerID         string    `json:"producerId"`
	Carrier            string    `json:"carrier"`
	CarrierID          string    `json:"carrierId,omitempty" doc:"None: it goes by the carrier's name alone."`
	State              string    `json:"state"`
	Lines              []string  `json:"lines" nullable:"false" doc:"None: all lines."`
	ContractDate       Date      `json:"contractDate"`
	Status             string    `json:"status" enum:"pending,filed,active,rejected,terminated,noticed"`
	FileBy             Date      `json:"fileBy" doc:"15 days after the contract: filed later, it is overdue."`
	FiledOn            *Date     `json:"filedOn,omitempty"`
	ConfirmationNumber string    `json:"confirmationNumber,omitempty"`
	TerminatedOn       *Date     `json:"terminatedOn,omitempty"`
	Reason             string    `json:"reason,omitempty" doc:"Of the end."`
	NoticeBy           *Date     `json:"noticeBy,omitempty" doc:"30 days after the end: the state has to be told by then."`
	NoticedOn          *Date     `json:"noticedOn,omitempty"`
	Overdue            bool      `json:"overdue"`
	CreatedAt          time.Time `json:"createdAt"`
	UpdatedAt          time.Time `json:"updatedAt"`
}

func appointmentOf(a producer.Appointment, today civil.Date) appointmentBody {
	return appointmentBody{
		ID: a.ID.String(), ProducerID: a.Producer.String(), Carrier: a.Carrier, CarrierID: a.CarrierID.String(), State: a.State, Lines: append([]string{}, a.Lines...),
		ContractDate: Date{a.Contract}, Status: string(a.Status), FileBy: Date{a.FileBy()}, FiledOn: dateOf(a.FiledOn), ConfirmationNumber: a.Confirmation,
		TerminatedOn: dateOf(a.Ended), Reason: a.Cause, NoticeBy: dateOf(a.NoticeBy()), NoticedOn: dateOf(a.NoticedOn), Overdue: a.Overdue(today),
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

type createAppointmentInput struct {
	ByID
	Body struct {
		Carrier      string     `json:"carrier,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"Its name; needed without carrierId, and the same with it."`
		CarrierID    carrier.ID `json:"carrierId,omitempty" doc:"One of your carriers."`
		State        USState    `json:"state"`
		Lines        []string   `json:"lines,omitempty" nullable:"false" maxItems:"7" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO" doc:"None: all lines."`
		ContractDate *Date      `json:"contractDate,omitempty" doc:"Today when not given."`
	}
}

func (in *createAppointmentInput) appointment(of producer.ID) producer.Appointment {
	b := in.Body
	return producer.Appointment{Producer: of, Carrier: b.Carrier, CarrierID: b.CarrierID, State: string(b.State), Lines: b.Lines, Contract: dayIn(b.ContractDate)}
}

// Resolve implements huma.Resolver.
func (in *createAppointmentInput) Resolve(ctx huma.Context) []error {
	if fields, _ := stateOf(ctx.Context()).sent(); fields["carrierId"] == nil { // or it is said what is wrong with it
		foreseen(ctx, in.appointment(producer.ID{}).Check())
	}
	return found(ctx, distinct("lines", in.Body.Lines))
}

type stepAppointmentInput struct {
	ByID
	ApptID string `path:"apptId" maxLength:"64"`
	Body   struct {
		Status             string `json:"status" enum:"filed,active,rejected,terminated,noticed"`
		On                 *Date  `json:"on,omitempty" doc:"When; today when not given, and not in the future."`
		ConfirmationNumber string `json:"confirmationNumber,omitempty" maxLength:"100"`
		Reason             string `json:"reason,omitempty" maxLength:"500"`
	}
}

func (in *stepAppointmentInput) step() producer.Step {
	b := in.Body
	return producer.Step{To: producer.AppointmentStatus(b.Status), On: dayIn(b.On), Confirmation: b.ConfirmationNumber, Cause: b.Reason}
}

// Resolve implements huma.Resolver.
func (in *stepAppointmentInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.step().Check())
}

func (a *API) registerAppointments(p Platform) {
	const tag, path = "Producers", "/v1/producers/{id}/appointments"
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-appointments", Tag: tag, Scope: "producers:read", Summary: "List where a producer is appointed, the oldest first",
	}, func(ctx context.Context, in *ByID) (*bodyOf[List[appointmentBody]], error) {
		id, err := p.fileOf(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		as, err := allToday(ctx, p, id, p.DB.As(access.From(ctx)).Appointments, appointmentOf)
		return &bodyOf[List[appointmentBody]]{List[appointmentBody]{Data: as}}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "create-appointment", Tag: tag, Scope: "producers:write", Summary: "Appoint a producer",
		Description: "It may sell from the contract date on; the appointment has to be filed with the state within 15 days. " +
			"What is bound under an agreement of delegated authority takes one with its carrier.",
	}, func(ctx context.Context, in *createAppointmentInput) (*bodyOf[appointmentBody], error) {
		id, err := parseProducer(in.ID)
		if err != nil {
			return nil, err
		}
		made, err := p.Desk.Appoint(ctx, access.From(ctx), in.appointment(id))
		return asOfToday(ctx, p, made, err, appointmentOf)
	})
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{apptId}", ID: "update-appointment", Tag: tag, Scope: "producers:write", Summary: "Bring an appointment into its next state",
		Description: "pending, filed, active (with the state's confirmation number) or rejected; terminated (with a reason), then noticed, within 30 days.",
	}, func(ctx context.Context, in *stepAppointmentInput) (*bodyOf[appointmentBody], error) {
		id, err := parseProducer(in.ID)
		if err != nil {
			return nil, err
		}
		var appointment producer.AppointmentID
		if err := pathID(&appointment, in.ApptID); err != nil {
			return nil, err
		}
		moved, err := p.Desk.StepAppointment(ctx, access.From(ctx), id, appointment, in.step())
		return asOfToday(ctx, p, moved, err, appointmentOf)
	})
}
