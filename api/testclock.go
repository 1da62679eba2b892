package api

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ClockBody is the time of an organisation; exported so that the document sees
// through its embedding.
type ClockBody struct {
	Now          time.Time `json:"now" doc:"The organization's time. It runs on from here."`
	AheadSeconds int64     `json:"aheadSeconds" example:"259200" doc:"How far that is ahead of everybody's time; 0 without a test clock."`
}

type moveClockBody struct {
	ClockBody
	Due    []dueBody `json:"due" nullable:"false" doc:"What came due on the way, in the order in which it did. It is done: its events and cards carry its time."`
	Failed int       `json:"failed" doc:"How many of these could not be done. They are tried again."`
}

type dueBody struct {
	What string    `json:"what" enum:"referral,deal_room,submission,invoice,policy,draft" doc:"A referral that was reminded of, escalated or ended, or a condition of it; a room that closed by itself; a submission whose clock has passed a mark, or that expired; an invoice that is due soon or overdue; a policy that is about to expire; a draft of a submission that was thrown away, since nobody touched it."`
	ID   string    `json:"id" example:"ref_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	At   time.Time `json:"at"`
}

func clockOf(c insurance.Clock) ClockBody {
	return ClockBody{Now: c.Now, AheadSeconds: int64(c.Ahead / time.Second)}
}

// dueIDs writes the id of each kind of what can be due.
var dueIDs = map[string]func(store.Due) string{
	store.WhatReferral:   func(d store.Due) string { return referral.ID(d.ID).String() },
	store.WhatRoom:       func(d store.Due) string { return room.ID(d.ID).String() },
	store.WhatSubmission: func(d store.Due) string { return submission.ID(d.ID).String() },
	store.WhatInvoice:    func(d store.Due) string { return billing.InvoiceID(d.ID).String() },
	store.WhatPolicy:     func(d store.Due) string { return policy.ID(d.ID).String() },
	store.WhatDraft:      func(d store.Due) string { return submission.ID(d.ID).String() },
}

func dueOf(d store.Due) dueBody {
	b := dueBody{What: d.What, At: d.At, ID: dueIDs[d.What](d)}
	if d.What == store.WhatRoom {
		b.What = "deal_room"
	}
	return b
}

type moveClockInput struct {
	Body struct {
		Advance string     `json:"advance,omitempty" maxLength:"64" example:"P3D" doc:"How far to move, as an ISO 8601 duration: P3D, PT90M, P1Y2M. At most two years."`
		Now     *time.Time `json:"now,omitempty" doc:"Or to when. Not before the time that it is."`
	}
}

// Resolve implements huma.Resolver.
func (in *moveClockInput) Resolve(ctx huma.Context) []error {
	_, err := in.to()
	return foreseen(ctx, err)
}

// to reads where a clock is to be moved.
func (in *moveClockInput) to() (func(time.Time) time.Time, error) {
	b := in.Body
	if b.Advance == "" {
		if b.Now == nil {
			return nil, fault.ErrValidation.Field("advance", "required")
		}
		return func(time.Time) time.Time { return *b.Now }, nil
	}
	move, err := readDuration(b.Advance, "advance")
	if b.Now != nil {
		bad := fault.Complaints{{Field: "now", Rule: "unexpected"}}
		bad.When(err != nil, "advance", "format")
		return nil, bad.On(fault.ErrValidation)
	}
	return move, err
}

var isoDuration = regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$`)

// readDuration reads an ISO 8601 duration of whole numbers. Years and months are
// those of the calendar.
func readDuration(text, field string) (func(time.Time) time.Time, error) {
	m := isoDuration.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return nil, fault.ErrValidation.Field(field, "format")
	}
	n := make([]int, len(m))
	for i := 1; i < len(m); i++ {
		n[i], _ = strconv.Atoi(m[i]) // digits, or nothing
	}
	clock := time.Duration(n[5])*time.Hour + time.Duration(n[6])*time.Minute + time.Duration(n[7])*time.Second
	return func(t time.Time) time.Time { return t.AddDate(n[1], n[2], 7*n[3]+n[4]).Add(clock) }, nil
}

func (a *API) registerTestClock(p Platform) {
	const tag = "Sandbox"
	const off = "Not in production: 403 `test_clock_off`."
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/test-clock", ID: "get-test-clock", Tag: tag, Scope: "sandbox:read", Summary: "Get the time of your organization", Description: off,
	}, func(ctx context.Context, _ *struct{}) (*bodyOf[ClockBody], error) {
		c, err := p.Desk.Clock(ctx, access.From(ctx))
		return &bodyOf[ClockBody]{clockOf(c)}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/test-clock", ID: "move-test-clock", Tag: tag, Scope: "sandbox:write", Status: http.StatusOK,
		Summary: "Move the time of your organization forward",
		Description: "Reminders, escalations, ends of referrals and approvals, conditions and rooms that close: all that comes due until then is done before " +
			"the answer, each at its own time, in order. Afterwards quotes, licenses, delegations and authority are judged by the new time. For administrators " +
			"and keys. " + off,
	}, func(ctx context.Context, in *moveClockInput) (*bodyOf[moveClockBody], error) {
		to, err := in.to()
		if err != nil {
			return nil, err
		}
		m, err := p.Desk.MoveClock(ctx, access.From(ctx), to)
		b := moveClockBody{ClockBody: clockOf(m.Clock), Due: make([]dueBody, len(m.Did)), Failed: m.Failed}
		for i, d := range m.Did {
			b.Due[i] = dueOf(d)
		}
		return &bodyOf[moveClockBody]{b}, err
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/test-clock", ID: "reset-test-clock", Tag: tag, Scope: "sandbox:write",
		Summary: "Set the time of your organization back to everybody's", Description: "What was dated ahead stays as it is. " + off,
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, p.Desk.ResetClock(ctx, access.From(ctx))
	})
}

// at is the time of the caller's organisation.
func (p Platform) at(ctx context.Context) (time.Time, error) {
	ahead, err := p.DB.As(access.From(ctx)).Ahead(ctx)
	return p.now().Add(ahead), err
}
