package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/store"
)

// splitBody is what becomes of a premium.
type splitBody struct {
	GrossPremium       Money `json:"grossPremium"`
	ProducerCommission Money `json:"producerCommission"`
	MGAOverride        Money `json:"mgaOverride"`
	NetToCarrier       Money `json:"netToCarrier" doc:"grossPremium less the two."`
}

func splitOf(s delegated.Split) splitBody {
	return splitBody{Money(s.Gross), Money(s.Commission), Money(s.Override), Money(s.Net)}
}

type bordereauBody struct {
	ID          string    `json:"id"`
	OrgID       string    `json:"orgId"`
	AgreementID string    `json:"agreementId"`
	CarrierID   string    `json:"carrierId"`
	Type        string    `json:"type" enum:"premium"`
	PeriodStart Date      `json:"periodStart"`
	PeriodEnd   Date      `json:"periodEnd" doc:"The first day after."`
	DueDate     Date      `json:"dueDate"`
	Status      string    `json:"status" enum:"pending,reviewed,approved,rejected"`
	Rows        int       `json:"rows"`
	Totals      splitBody `json:"totals" doc:"The sums of the rows."`
	CreatedBy   string    `json:"createdBy"`
	CreatedAt   time.Time `json:"createdAt"`
}

func bordereauOf(b delegated.Bordereau) bordereauBody {
	return bordereauBody{
		ID: b.ID.String(), OrgID: b.Org.String(), AgreementID: b.Agreement.String(), CarrierID: b.Carrier.String(), Type: b.Type, PeriodStart: Date{b.From},
		PeriodEnd: Date{b.To}, DueDate: Date{b.Due}, Status: b.Status, Rows: b.Rows, Totals: splitOf(b.Split), CreatedBy: b.CreatedBy, CreatedAt: b.CreatedAt,
	}
}

type rowBody struct {
	TransactionID   string    `json:"transactionId"`
	TransactionType string    `json:"transactionType" enum:"NEW,ENDORSEMENT,CANCELLATION,REINSTATEMENT"`
	TransactionDate Date      `json:"transactionDate"`
	PolicyID        string    `json:"policyId"`
	PolicyNumber    string    `json:"policyNumber"`
	InsuredName     string    `json:"insuredName"`
	State           string    `json:"state"`
	LineOfBusiness  string    `json:"lineOfBusiness"`
	NAICSCode       string    `json:"naicsCode"`
	EffectiveDate   Date      `json:"effectiveDate"`
	ExpirationDate  Date      `json:"expirationDate"`
	OccurrenceLimit Money     `json:"occurrenceLimit"`
	AggregateLimit  Money     `json:"aggregateLimit"`
	Deductible      Money     `json:"deductible"`
	Premium         splitBody `json:"premium"`
}

func rowOf(r delegated.Row) rowBody {
	f := r.Facts
	return rowBody{
		r.Transaction.String(), r.Type, Date{r.Booked}, r.Policy.String(), f.PolicyNumber, f.InsuredName, f.State, f.LineOfBusiness, f.NAICS, Date{f.Effective},
		Date{f.Expiration}, Money(f.Occurrence), Money(f.Aggregate), Money(f.Deductible), splitOf(r.Split),
	}
}

type createBordereauInput struct {
	Body struct {
		AgreementID delegated.ID `json:"agreementId" minLength:"1"`
		Type        string       `json:"type,omitempty" enum:"premium" default:"premium"`
		PeriodStart Date         `json:"periodStart"`
		PeriodEnd   Date         `json:"periodEnd" doc:"The first day after; today at the latest."`
	}
}

func (in *createBordereauInput) bordereau() delegated.Bordereau {
	b := in.Body
	return delegated.Bordereau{Agreement: b.AgreementID, Type: delegated.PremiumBordereau, From: b.PeriodStart.Date, To: b.PeriodEnd.Date}
}

// Resolve implements huma.Resolver.
func (in *createBordereauInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.bordereau().Check())
}

type listBordereauxInput struct {
	Page
	AgreementID delegated.ID `query:"agreementId"`
	CarrierID   carrier.ID   `query:"carrierId"`
}

func (a *API) registerBordereaux(p Platform) {
	const read, write, path = "da-agreements:read", "da-agreements:write", "/v1/bordereaux"
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "create-bordereau", Tag: daTag, Scope: write, Summary: "Report to a carrier what was bound in a period",
		Description: "For administrators, finance and keys. It holds every transaction up to the end of the period that no bordereau holds yet, so that none is " +
			"reported twice or never. What is bound outside production is never reported.",
	}, func(ctx context.Context, in *createBordereauInput) (*bodyOf[bordereauBody], error) {
		made, err := p.Desk.Report(ctx, access.From(ctx), in.bordereau())
		return &bodyOf[bordereauBody]{bordereauOf(made)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-bordereaux", Tag: daTag, Scope: read, Summary: "List bordereaux, newest first",
	}, func(ctx context.Context, in *listBordereauxInput) (*bodyOf[List[bordereauBody]], error) {
		by := access.From(ctx)
		if err := p.onOrg(ctx, by, access.ReadDelegated); err != nil {
			return nil, err
		}
		bs, err := p.DB.As(by).Bordereaux(ctx, store.BordereauFilter{Agreement: in.AgreementID, Carrier: in.CarrierID}, in.page())
		return &bodyOf[List[bordereauBody]]{listOf(bs, in.Limit, bordereauOf, func(b delegated.Bordereau) Cursor { return Cursor{b.CreatedAt, b.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}", ID: "get-bordereau", Tag: daTag, Scope: read, Summary: "Get a bordereau",
	}, func(ctx context.Context, in *ByID) (*bodyOf[bordereauBody], error) {
		b, err := p.bordereau(ctx, in.ID)
		return &bodyOf[bordereauBody]{bordereauOf(b)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}/rows", ID: "list-bordereau-rows", Tag: daTag, Scope: read, Summary: "List the rows of a bordereau, newest first",
	}, func(ctx context.Context, in *struct {
		ByID
		Page
	},
	) (*bodyOf[List[rowBody]], error) {
		b, err := p.bordereau(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		rows, err := p.DB.As(access.From(ctx)).BordereauRows(ctx, b.ID, in.page())
		return &bodyOf[List[rowBody]]{listOf(rows, in.Limit, rowOf, rowCursor)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}/export", ID: "export-bordereau", Tag: daTag, Scope: read, Summary: "The rows of a bordereau as CSV, newest first",
		Description: "At most 5,000 rows; X-Next-Cursor is there when there are more.",
	}, p.exportBordereau)
}

func rowCursor(r delegated.Row) Cursor { return Cursor{r.CreatedAt, r.Transaction} }

// bordereau reads one that the caller may see.
func (p Platform) bordereau(ctx context.Context, s string) (delegated.Bordereau, error) {
	by := access.From(ctx)
	var id delegated.BordereauID
	if err := pathID(&id, s); err != nil {
		return delegated.Bordereau{}, err
	}
	if err := p.onOrg(ctx, by, access.ReadDelegated); err != nil {
		return delegated.Bordereau{}, err
	}
	return p.DB.As(by).Bordereau(ctx, id)
}

func (p Platform) exportBordereau(ctx context.Context, in *struct {
	ByID
	Cursor Cursor `query:"cursor" doc:"X-Next-Cursor of the export before."`
},
) (*exportOutput, error) {
	b, err := p.bordereau(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	page := Page{Limit: mostExported, Cursor: in.Cursor}
	rows, err := p.DB.As(access.From(ctx)).BordereauRows(ctx, b.ID, page.page())
	if err != nil {
		return nil, err
	}
	l := listOf(rows, mostExported, rowOf, rowCursor)
	out := &exportOutput{ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="` + b.ID.String() + `.csv"`, Next: l.NextCursor}
	out.Body, err = writeBordereau(l.Data)
	return out, err
}

// bordereauHeader are the columns of an export.
var bordereauHeader = []string{
	"transactionId", "transactionType", "transactionDate", "policyId", "policyNumber", "insuredName", "state", "lineOfBusiness", "naicsCode", "effectiveDate",
	"expirationDate", "occurrenceLimit", "aggregateLimit", "deductible", "grossPremium", "producerCommission", "mgaOverride", "netToCarrier",
}

func writeBordereau(rows []rowBody) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(bordereauHeader); err != nil {
		return nil, err
	}
	for _, r := range rows {
		cells := []string{
			r.TransactionID, r.TransactionType, r.TransactionDate.String(), r.PolicyID, r.PolicyNumber, cell(r.InsuredName), r.State, r.LineOfBusiness, r.NAICSCode,
			r.EffectiveDate.String(), r.ExpirationDate.String(),
		}
		for _, m := range []Money{
			r.OccurrenceLimit, r.AggregateLimit, r.Deductible, r.Premium.GrossPremium, r.Premium.ProducerCommission, r.Premium.MGAOverride, r.Premium.NetToCarrier,
		} {
			cells = append(cells, m.String())
		}
		if err := w.Write(cells); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// cell is a text that a spreadsheet takes for no formula.
func cell(s string) string {
	if strings.HasPrefix(s, "'") || strings.ContainsAny(s[:min(len(s), 1)], "=+-@\t\r") {
		return "'" + s
	}
	return s
}
