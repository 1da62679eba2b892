package store_test

import (
	"slices"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestWays lists by a relation, by a userset and by an arrow.
func TestWays(t *testing.T) {
	db := storetest.New(t)
	una := writeBook(t, db, "Summit")
	writeBook(t, db, "Other")
	broker := storetest.User(t, db, una.by, "Bo", access.RoleBroker)
	holder := access.Actor{Kind: access.Insured, ID: una.person.String(), Org: una.by.Org}
	see := func(by access.Actor, typ access.Type) access.Scope {
		return must[access.Scope](t)(access.Visible(t.Context(), db.As(by), by, typ))
	}
	submissions := func(by access.Actor) int {
		return len(must[[]submission.Submission](t)(db.As(by).Submissions(t.Context(), see(by, access.Submission), store.SubmissionFilter{}, store.Page{Limit: 9})))
	}
	invoices := func(by access.Actor) int {
		return len(must[[]billing.Invoice](t)(db.As(by).Invoices(t.Context(), see(by, access.Invoice), store.InvoiceFilter{}, store.Page{Limit: 50})))
	}
	sub := access.Object{Type: access.Submission, ID: una.sub.ID.UUID(), Org: una.by.Org}
	if n := submissions(broker); n != 0 {
		t.Errorf("a broker without relations: %d", n)
	}
	relate(t, db, una.by, sub, access.RelProducer, access.Subject{Type: "user", ID: *broker.UUID()})
	if n := submissions(broker); n != 1 {
		t.Errorf("in person: %d", n)
	}
	storetest.SQL(t, db, "DELETE FROM relationship WHERE object_type = 'submission'")
	relate(t, db, una.by, sub, access.RelProducer, access.Subject{Type: "org", ID: una.by.Org.UUID(), Relation: "member"})
	if n := submissions(broker); n != 1 {
		t.Errorf("by his firm: %d", n)
	}
	if n := invoices(holder); n != 0 {
		t.Errorf("somebody who is insured by nothing: %d", n)
	}
	relate(t, db, una.by, access.Object{Type: access.Policy, ID: una.policy.ID.UUID(), Org: una.by.Org}, access.RelInsured, access.Subject{Type: "person", ID: una.person.UUID()})
	if all := invoices(una.by); invoices(holder) != all || all < 2 {
		t.Errorf("through the policy: %d of %d", invoices(holder), all)
	}
	if s := see(holder, access.Document); !slices.ContainsFunc(s.Ways, func(w access.Way) bool { return slices.Equal(w.Path, []string{"claim", "policy"}) }) {
		t.Errorf("ways to a document: %+v", s.Ways)
	}
}
