package insurance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// Terms of payment that do not fit are told with whatever else is in the way.
func TestBadTermsOfPaymentAreBlockers(t *testing.T) {
	tr := newTreaty(t, 1, func(t *delegated.Terms) { t.ExcludedStates = []string{"OR"} })
	q := tr.quote()
	order := policy.Order{Plan: billing.PremiumFinance, Finance: &billing.Finance{
		Financier: "Evergreen Premium Finance", Agreement: "EPF-1", Down: q.GrossPremium, FundingDue: civil.Date{Year: 2027, Month: 1, Day: 1},
	}}
	_, err := tr.desk.Bind(t.Context(), tr.una, q.Submission, order, whatever)
	f, _ := errors.AsType[*fault.Error](err)
	want := []fault.Field{{Field: "premiumFinance.downPayment", Rule: "exclusiveMax"}, {Field: "premiumFinance.fundingDue", Rule: "max"}}
	if blockers(err) != "[da_state premium_finance_terms]" || !slices.Equal(f.Fields(), want) {
		t.Errorf("%v %v", err, f)
	}
	if _, err := tr.desk.ChangeAgreement(t.Context(), tr.ada, tr.agreement.ID, whatever, func(a *delegated.Agreement) { a.Terms.ExcludedStates = nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.desk.Bind(t.Context(), tr.una, q.Submission, order, whatever); !errors.Is(err, billing.ErrFinance) {
		t.Errorf("with nothing else in the way: %v", err)
	}
}

// What a financier owes is told to finance, and not to the policyholder, who
// neither hears of it nor can read it.
func TestFinancedPremium(t *testing.T) {
	for name, tt := range map[string]struct {
		down           int
		finance, heard string
	}{
		"20 % down":    {20, "2850.00 insured, 11400.00 financier", "policy.bound, 2850.00 insured"},
		"nothing down": {0, "14250.00 financier", "policy.bound"},
	} {
		t.Run(name, func(t *testing.T) {
			db, desk, by := setUp(t)
			s := builder()
			s.Insured = &submission.Insured{Name: "Pat Holder", Email: "pat@example.com"}
			s, err := desk.Submit(t.Context(), by, s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := desk.Quote(t.Context(), by, s.ID, whatever); err != nil {
				t.Fatal(err)
			}
			order := policy.Order{Plan: billing.PremiumFinance}
			if _, err := desk.Bind(t.Context(), by, s.ID, order, whatever); !errors.Is(err, policy.ErrFinanceRequired) {
				t.Fatalf("without an agreement: %v", err)
			}
			order.Finance = &billing.Finance{Financier: "Evergreen Premium Finance", Agreement: "EPF-1", DownPercent: tt.down}
			p, err := desk.Bind(t.Context(), by, s.ID, order, whatever)
			if err != nil {
				t.Fatal(err)
			}
			read, err := db.As(by).Policy(t.Context(), p.ID)
			if err != nil || read.Finance == nil || *read.Finance != *p.Finance || read.Finance.FundingDue.String() != "2026-05-31" || read.Finance.DownPercent != 0 {
				t.Fatalf("read %+v of %+v, %v", read.Finance, p.Finance, err)
			}

			told := func(channel string) string {
				ch, err := db.As(by).Entries(t.Context(), channel, 0, 100)
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, e := range ch.Entries {
					var got struct {
						Type string
						Data event.InvoiceCreated
					}
					if err := json.Unmarshal(e.Payload, &got); err != nil {
						t.Fatal(err)
					}
					if got.Type == "invoice.created" {
						got.Type = fmt.Sprintf("%s %s", got.Data.Amount, got.Data.BillTo)
					}
					out = append(out, got.Type)
				}
				return strings.Join(out, ", ")
			}
			person := access.PersonID(storetest.Value[[16]byte](t, db, `SELECT id FROM person WHERE email = 'pat@example.com'`))
			if got := told(event.PersonChannel(person.String(), by.Org).Name); got != tt.heard {
				t.Errorf("the policyholder heard %s, want %s", got, tt.heard)
			}
			if got := told(event.OrgChannel(by.Org, event.Finance)); got != "policy.bound, "+tt.finance {
				t.Errorf("finance heard %s, want the policy and %s", got, tt.finance)
			}
			holder := access.Actor{Kind: access.Insured, ID: person.String(), Org: by.Org}
			see, err := access.Visible(t.Context(), db.As(holder), holder, access.Invoice)
			if err != nil {
				t.Fatal(err)
			}
			his, err := db.As(holder).Invoices(t.Context(), see, store.InvoiceFilter{}, store.Page{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range his {
				if i.BillTo != billing.Insured || i.BillToName != "Pacific Coast Builders" {
					t.Errorf("the policyholder reads %+v", i)
				}
			}
			all, err := db.As(by).Invoices(t.Context(), access.Scope{All: true}, store.InvoiceFilter{Policy: p.ID}, store.Page{Limit: 10})
			if err != nil || len(all) != len(his)+1 {
				t.Errorf("%d invoices, %d of them his, %v", len(all), len(his), err)
			}
			for _, i := range all {
				err := access.Check(t.Context(), db.As(holder), holder, access.Read, access.Object{Type: access.Invoice, ID: i.ID.UUID(), Org: by.Org})
				if (err == nil) != (i.BillTo == billing.Insured) {
					t.Errorf("reading the invoice of the %s: %v", i.BillTo, err)
				}
				if i.BillTo == billing.Financier && i.BillToName != "Evergreen Premium Finance" {
					t.Errorf("billed to %s", i.BillToName)
				}
			}
		})
	}
}
