package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/store"
)

type invoiceBody struct {
	versioned
	ID         string            `json:"id"`
	OrgID      string            `json:"orgId"`
	PolicyID   string            `json:"policyId"`
	Number     int               `json:"number" doc:"1 is due first: the down payment, if there is one."`
	Status     string            `json:"status" enum:"open,paid,failed,void"`
	DueDate    Date              `json:"dueDate"`
	PastDue    bool              `json:"pastDue" doc:"It is owed, and its due day is over; invoice.overdue was told."`
	BillTo     billToBody        `json:"billTo" doc:"Who owes it."`
	Premium    Money             `json:"premium"`
	Fee        Money             `json:"fee"`
	Amount     Money             `json:"amount" doc:"premium + fee."`
	ExternalID string            `json:"externalId,omitempty"`
	Metadata   map[string]string `json:"metadata"`
	CreatedAt  time.Time         `json:"createdAt"`
	UpdatedAt  time.Time         `json:"updatedAt"`
}

func invoiceOf(i billing.Invoice) invoiceBody {
	return invoiceBody{
		versioned: versioned{i.Version}, ID: i.ID.String(), OrgID: i.Org.String(), PolicyID: i.Policy, Number: i.Number, Status: i.Status,
		DueDate: Date{i.Due}, PastDue: i.IsPastDue(), BillTo: billToBody{string(i.BillTo), i.BillToName}, Premium: Money(i.Premium), Fee: Money(i.Fee), Amount: Money(i.Amount),
		ExternalID: i.ExternalID,
		Metadata:   metadataOf(i.Metadata), CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
}

type listInvoicesInput struct {
	Page
	Status     string    `query:"status" enum:"open,paid,failed,void"`
	PastDue    bool      `query:"pastDue" doc:"Only those that are past due."`
	PolicyID   policy.ID `query:"policyId" maxLength:"64"`
	ExternalID string    `query:"externalId" maxLength:"255"`
}

func (a *API) registerInvoices(p Platform) {
	const tag = "Invoices"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/invoices", ID: "list-invoices", Tag: tag, Scope: "invoices:read", Summary: "List invoices, newest first",
	}, p.listInvoices)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/invoices/{id}", ID: "get-invoice", Tag: tag, Scope: "invoices:read", Summary: "Get an invoice",
	}, func(ctx context.Context, in *ByID) (*bodyOf[invoiceBody], error) {
		by := access.From(ctx)
		var id billing.InvoiceID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		i, err := p.DB.As(by).Invoice(ctx, id)
		if err != nil {
			return nil, err
		}
		err = access.Check(ctx, p.DB.As(by), by, access.Read, access.Object{Type: access.Invoice, ID: id.UUID(), Org: i.Org})
		return &bodyOf[invoiceBody]{invoiceOf(i)}, err
	})
}

func (p Platform) listInvoices(ctx context.Context, in *listInvoicesInput) (*bodyOf[List[invoiceBody]], error) {
	by := access.From(ctx)
	f := store.InvoiceFilter{Status: in.Status, PastDue: in.PastDue, ExternalID: in.ExternalID, Policy: in.PolicyID}
	r := p.DB.As(by)
	see, err := access.Visible(ctx, r, by, access.Invoice)
	if err != nil {
		return nil, err
	}
	is, err := r.Invoices(ctx, see, f, in.page())
	if err != nil {
		return nil, err
	}
	return &bodyOf[List[invoiceBody]]{listOf(is, in.Limit, invoiceOf, func(i billing.Invoice) Cursor { return Cursor{i.CreatedAt, i.ID} })}, nil
}
