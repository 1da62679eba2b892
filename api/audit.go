package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// mostExported is how many rows one export holds.
const mostExported = 5000

// auditBody is one row of the log.
type auditBody struct {
	ID         string         `json:"id"`
	At         time.Time      `json:"at"`
	Actor      auditActor     `json:"actor"`
	Action     string         `json:"action"`
	ObjectType string         `json:"objectType,omitempty"`
	ObjectID   string         `json:"objectId,omitempty"`
	Outcome    string         `json:"outcome" enum:"granted,refused,failed"`
	Reason     string         `json:"reason,omitempty" doc:"Code of a refusal."`
	RequestID  string         `json:"requestId,omitempty" doc:"Of the first, when several are counted together."`
	Address    string         `json:"address,omitempty" doc:"Where the request came from."`
	Count      int            `json:"count" doc:"Of equal refusals within a minute."`
	Details    map[string]any `json:"details"`
	Chain      *auditChain    `json:"chain,omitempty" doc:"Its place in the organization's chain; absent for a moment."`
}

type auditActor struct {
	Type string `json:"type" doc:"user, machine, system or insured; empty: nobody known."`
	ID   string `json:"id"`
}

type auditChain struct {
	Seq      int64  `json:"seq"`
	PrevHash string `json:"prevHash"`
	Hash     string `json:"hash"`
}

func auditOf(r audit.Row) auditBody {
	b := auditBody{
		ID: r.ID.String(), At: r.At, Actor: auditActor{string(r.ActorKind), r.ActorID}, Action: string(r.Action), ObjectType: r.ObjectType,
		ObjectID: r.ObjectID, Outcome: string(r.Outcome), Reason: r.Reason, RequestID: r.Request.String(), Address: r.Address, Count: r.Count,
		Details: r.Details,
	}
	if r.Seq > 0 {
		b.Chain = &auditChain{r.Seq, r.Prev.String(), r.Hash.String()}
	}
	return b
}

// AuditQuery are the filters of the log; exported so that the document sees
// through its embedding.
type AuditQuery struct {
	Action  string    `query:"action" maxLength:"60" pattern:"^[a-z_.]+$" doc:"Such as api_key.created."`
	Actor   string    `query:"actor" maxLength:"64" doc:"Id of whoever acted, or system."`
	Object  string    `query:"object" maxLength:"64" doc:"Id of what it was done to."`
	Outcome string    `query:"outcome" enum:"granted,refused,failed"`
	From    time.Time `query:"from" doc:"Inclusive."`
	To      time.Time `query:"to" doc:"Exclusive."`
}

func (q AuditQuery) filter() (store.AuditFilter, error) {
	if !q.From.IsZero() && !q.To.IsZero() && !q.To.After(q.From) {
		return store.AuditFilter{}, fault.ErrValidation.Field("to", "exclusiveMin")
	}
	return store.AuditFilter{
		Action: audit.Action(q.Action), Actor: q.Actor, Object: q.Object, Outcome: audit.Outcome(q.Outcome), From: q.From, To: q.To,
	}, nil
}

type exportInput struct {
	AuditQuery
	Format string `query:"format" enum:"ndjson,csv" default:"ndjson"`
	Cursor Cursor `query:"cursor" doc:"X-Next-Cursor of the export before."`
}

type exportOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Next        string `header:"X-Next-Cursor"`
	Body        []byte
}

func (a *API) registerAudit(p Platform) {
	const tag = "Audit"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/audit", ID: "list-audit", Tag: tag, NoOrg: true, Summary: "Who did what, or was refused what",
		Description: "For administrators and auditors. The system, naming no organization, reads what is of none: refusals of nobody known.",
	}, func(ctx context.Context, in *struct {
		Page
		AuditQuery
	}) (*bodyOf[List[auditBody]], error) {
		f, err := in.filter()
		if err != nil {
			return nil, err
		}
		by := access.From(ctx)
		if err := p.onOrg(ctx, by, access.ReadAudit); err != nil {
			return nil, err
		}
		rows, err := p.DB.As(by).Audit(ctx, f, in.page())
		return &bodyOf[List[auditBody]]{listOf(rows, in.Limit, auditOf, func(r audit.Row) Cursor { return Cursor{r.At, r.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/audit/export", ID: "export-audit", Tag: tag, NoOrg: true,
		Summary:     "The same as a file: one JSON a line, or CSV",
		Description: "At most 5,000 rows, newest first; X-Next-Cursor is there when there are more.",
	}, p.exportAudit)
}

func (p Platform) exportAudit(ctx context.Context, in *exportInput) (*exportOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	by := access.From(ctx)
	if err := p.onOrg(ctx, by, access.ReadAudit); err != nil {
		return nil, err
	}
	page := Page{Limit: mostExported, Cursor: in.Cursor}
	rows, err := p.DB.As(by).Audit(ctx, f, page.page())
	if err != nil {
		return nil, err
	}
	l := listOf(rows, mostExported, auditOf, func(r audit.Row) Cursor { return Cursor{r.At, r.ID} })
	out := &exportOutput{ContentType: "application/x-ndjson", Disposition: `attachment; filename="audit.` + in.Format + `"`, Next: l.NextCursor}
	write := writeLines
	if in.Format == "csv" {
		out.ContentType, write = "text/csv; charset=utf-8", writeCSV
	}
	if out.Body, err = write(l.Data); err != nil {
		return nil, err
	}
	kept := audit.New(by, audit.Fact{Action: audit.LogExported, Details: audit.Details{"rows": len(l.Data), "format": in.Format}}, p.Now())
	return out, p.DB.AddAudit(ctx, kept)
}

func writeLines(rows []auditBody) ([]byte, error) {
	var b bytes.Buffer
	for _, r := range rows {
		line, err := marshal(r)
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}

// auditHeader are the columns of an export.
var auditHeader = []string{
	"seq", "id", "at", "actorType", "actorId", "action", "objectType", "objectId", "outcome", "reason", "requestId", "address", "count",
	"details", "prevHash", "hash",
}

func writeCSV(rows []auditBody) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(auditHeader); err != nil {
		return nil, err
	}
	for _, r := range rows {
		details, err := json.Marshal(r.Details)
		if err != nil {
			return nil, err
		}
		chain := auditChain{}
		if r.Chain != nil {
			chain = *r.Chain
		}
		err = w.Write([]string{
			strconv.FormatInt(chain.Seq, 10), r.ID, r.At.Format(time.RFC3339Nano), r.Actor.Type, r.Actor.ID, r.Action, r.ObjectType, r.ObjectID,
			r.Outcome, r.Reason, r.RequestID, r.Address, strconv.Itoa(r.Count), string(details), chain.PrevHash, chain.Hash,
		})
		if err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
