package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
)

type slaBody struct {
	DueAt         *time.Time    `json:"dueAt,omitempty" doc:"By when the desk has to act; absent while it need not."`
	State         string        `json:"state,omitempty" enum:"running,paused,at_risk,breached" doc:"Of the clock that is due first; paused while information is asked. Absent when the desk need not act."`
	FirstResponse *slaClockBody `json:"firstResponse,omitempty" doc:"Until somebody takes it up."`
	Quote         *slaClockBody `json:"quote,omitempty" doc:"Until it has its answer, or is over."`
}

type slaClockBody struct {
	State         string     `json:"state" enum:"running,paused,at_risk,breached,met,missed"`
	StartedAt     time.Time  `json:"startedAt"`
	WithinMinutes int        `json:"withinMinutes" doc:"Of working time."`
	DueAt         *time.Time `json:"dueAt,omitempty" doc:"While it runs."`
	DoneAt        *time.Time `json:"doneAt,omitempty"`
}

func slaClockOf(c sla.Clock, at time.Time) *slaClockBody {
	if c.StartedAt.IsZero() {
		return nil
	}
	b := &slaClockBody{State: string(c.State(at)), StartedAt: c.StartedAt, WithinMinutes: int(c.Within / time.Minute)}
	if c.Counts() {
		b.DueAt = &c.DueAt
	}
	if !c.DoneAt.IsZero() {
		b.DoneAt = &c.DoneAt
	}
	return b
}

func slaOf(c sla.Clocks, at time.Time) *slaBody {
	b := &slaBody{State: string(c.State(at)), FirstResponse: slaClockOf(c.Response, at), Quote: slaClockOf(c.Quote, at)}
	if due, _ := c.Due(); !due.IsZero() && due.Before(sla.Never) {
		b.DueAt = &due
	}
	return b
}

type queueRow struct {
	SubmissionID       string     `json:"submissionId" example:"sub_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Status             string     `json:"status" enum:"received,in_review,referred"`
	InsuredName        string     `json:"insuredName"`
	LineOfBusiness     string     `json:"lineOfBusiness"`
	State              string     `json:"state"`
	RequestedLimit     Money      `json:"requestedLimit"`
	EffectiveDate      Date       `json:"effectiveDate"`
	ProducerID         string     `json:"producerId,omitempty"`
	Priority           string     `json:"priority" enum:"normal,high"`
	Assignee           string     `json:"assignee,omitempty"`
	ClaimedAt          *time.Time `json:"claimedAt,omitempty"`
	Score              int        `json:"score"`
	Lane               string     `json:"lane" enum:"auto_process,underwriter_review,escalate"`
	PossibleDuplicates int        `json:"possibleDuplicates" doc:"How many, up to 20; the submission itself lists them."`
	SLA                slaBody    `json:"sla"`
	ExternalID         string     `json:"externalId,omitempty"`
	CreatedAt          time.Time  `json:"createdAt"`
}

func queueRowOf(s submission.Submission, duplicates int, at time.Time) queueRow {
	return queueRow{
		SubmissionID: s.ID.String(), Status: string(s.Status), InsuredName: s.InsuredName, LineOfBusiness: s.LineOfBusiness, State: s.State,
		RequestedLimit: Money(s.RequestedLimit), EffectiveDate: Date{s.EffectiveDate}, ProducerID: s.Producer.String(), Priority: string(s.Urgent()),
		Assignee: s.Assignee, ClaimedAt: s.ClaimedAt, Score: s.Triage.Score, Lane: string(s.Triage.Lane), PossibleDuplicates: duplicates,
		SLA: *slaOf(s.Clocks, at), ExternalID: s.ExternalID, CreatedAt: s.CreatedAt,
	}
}

// A queueCursor is where a page of the queue ended. To clients it is opaque.
type queueCursor struct{ store.QueueKey }

type queueCursorText struct {
	At   time.Time     `json:"t"`
	Rank int           `json:"r"`
	ID   submission.ID `json:"i"`
}

func queueCursorOf(s submission.Submission) string {
	k := store.KeyOf(s)
	b, _ := json.Marshal(queueCursorText{k.At.UTC(), k.Rank, s.ID}) // fails only for years beyond 9999
	return base64.RawURLEncoding.EncodeToString(b)
}

// UnmarshalText reads the opaque form.
func (c *queueCursor) UnmarshalText(b []byte) error {
	var t queueCursorText
	raw, err := base64.RawURLEncoding.DecodeString(string(b))
	if err != nil || json.Unmarshal(raw, &t) != nil || t.ID.IsZero() || t.Rank < 0 || t.Rank > 100 || t.At.Year() < firstYear || t.At.Year() > lastYear {
		return ruleError("cursor")
	}
	c.QueueKey = store.QueueKey{At: t.At.UTC(), Rank: t.Rank, ID: t.ID.UUID()}
	return nil
}

// Schema implements huma.SchemaProvider.
func (queueCursor) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

type queueInput struct {
	Limit          int         `query:"limit" minimum:"1" maximum:"100" default:"25" doc:"How many at most."`
	Cursor         queueCursor `query:"cursor" doc:"nextCursor of the page before."`
	Mine           bool        `query:"mine" doc:"Only what the caller has claimed."`
	Unclaimed      bool        `query:"unclaimed" doc:"Only what nobody has claimed."`
	Lane           string      `query:"lane" enum:"auto_process,underwriter_review,escalate"`
	LineOfBusiness string      `query:"lineOfBusiness" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO"`
	Clock          string      `query:"clock" enum:"running,at_risk,breached,paused" doc:"How the clock that is due first stands."`
}

// Resolve implements huma.Resolver: what is somebody's is not unclaimed.
func (in *queueInput) Resolve(ctx huma.Context) []error {
	if in.Mine && in.Unclaimed {
		return found(ctx, fault.ErrValidation.Field("unclaimed", "unexpected"))
	}
	return nil
}

func (a *API) registerQueue(p Platform) {
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/submissions/queue", ID: "list-submission-queue", Tag: "Submissions", Scope: "submissions:read",
		Summary: "List what waits for the desk, the next due first",
		Description: "Submissions that are received, in review or referred, by when the desk has to act, and of what is due at once the riskiest first. " +
			"What waits for information comes last. A row that is answered meanwhile leaves the queue.",
	}, p.listQueue)
}

func (p Platform) listQueue(ctx context.Context, in *queueInput) (*bodyOf[List[queueRow]], error) {
	by := access.From(ctx)
	f := store.QueueFilter{Unclaimed: in.Unclaimed, Lane: in.Lane, LineOfBusiness: in.LineOfBusiness, Clock: sla.State(in.Clock)}
	if in.Mine {
		f.Assignee = by.ID
	}
	q, err := p.Desk.Queue(ctx, by, f, in.Cursor.QueueKey, in.Limit)
	if err != nil {
		return nil, err
	}
	l := List[queueRow]{Data: []queueRow{}}
	for i, s := range q.Rows {
		if i == in.Limit {
			l.HasMore, l.NextCursor = true, queueCursorOf(q.Rows[i-1])
			break
		}
		l.Data = append(l.Data, queueRowOf(s, len(q.Duplicates[s.ID]), q.At))
	}
	return &bodyOf[List[queueRow]]{l}, nil
}
