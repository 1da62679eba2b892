package api

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A listing says by which rule an operation that answers a list shows a row.
type listing struct {
	path string // {id}, or {orgId}, is that of the object whose list it is
	of   access.Type
	want access.Permission // on the row; with within, on the object whose list it is
	rows string            // selects the ids of all rows, of every organisation

	within bool   // the object's permission shows all of its list, or none
	open   string // why it asks for no relationship
}

// listings has every operation of the API that answers a list. What is listed
// is what Check allows, and nothing else: see TestListMatrix.
var listings = map[string]listing{
	"list-submissions":        {path: "/v1/submissions", of: access.Submission, want: access.Read, rows: "SELECT id FROM submission"},
	"list-policies":           {path: "/v1/policies", of: access.Policy, want: access.Read, rows: "SELECT id FROM policy"},
	"list-invoices":           {path: "/v1/invoices", of: access.Invoice, want: access.Read, rows: "SELECT id FROM invoice"},
	"list-referrals":          {path: "/v1/referrals", of: access.Referral, want: access.Read, rows: "SELECT id FROM referral"},
	"list-deal-rooms":         {path: "/v1/deal-rooms", of: access.Room, want: access.Read, rows: "SELECT id FROM room"},
	"list-webhooks":           {path: "/v1/webhooks", of: access.Webhook, want: access.Read, rows: "SELECT id FROM endpoint"},
	"get-policy-timeline":     {path: "/v1/policies/{id}/timeline", of: access.Policy, want: access.Read, within: true},
	"list-quotes":             {path: "/v1/submissions/{id}/quotes", of: access.Submission, want: access.Read, within: true},
	"list-programs":           {path: "/v1/programs", of: access.Org, want: access.ReadRates, within: true, rows: "SELECT id FROM program WHERE org_id = $1"},
	"list-rate-tables":        {path: "/v1/rate-tables", of: access.Org, want: access.ReadRates, within: true, rows: "SELECT id FROM rate_table WHERE org_id = $1"},
	"list-carriers":           {path: "/v1/carriers", of: access.Org, want: access.ReadDelegated, within: true},
	"list-da-agreements":      {path: "/v1/da-agreements", of: access.Org, want: access.ReadDelegated, within: true},
	"list-da-utilization":     {path: "/v1/analytics/{orgId}/da-utilization", of: access.Org, want: access.ReadDelegated, within: true},
	"list-bordereaux":         {path: "/v1/bordereaux", of: access.Org, want: access.ReadDelegated, within: true},
	"list-bordereau-rows":     {open: "of a bordereau, for whoever may list those: docs/permissions.md"},
	"list-messages":           {path: "/v1/deal-rooms/{id}/messages", of: access.Room, want: access.Read, within: true},
	"list-files":              {path: "/v1/deal-rooms/{id}/files", of: access.Room, want: access.Read, within: true},
	"list-annotations":        {path: "/v1/deal-rooms/{id}/annotations", of: access.Room, want: access.Read, within: true},
	"list-webhook-deliveries": {path: "/v1/webhooks/{id}/deliveries", of: access.Webhook, want: access.Read, within: true},
	"list-users":              {path: "/v1/users", of: access.Org, want: access.Read, within: true, rows: "SELECT id FROM app_user WHERE status <> 'guest' AND org_id = $1"},
	"list-api-keys":           {path: "/v1/api-keys", of: access.Org, want: access.Administer, within: true, rows: "SELECT id FROM api_key WHERE org_id = $1"},
	"list-audit":              {path: "/v1/audit", of: access.Org, want: access.ReadAudit, within: true},
	"list-organizations":      {path: "/v1/organizations", of: access.Org, want: access.Read, within: true, rows: "SELECT $1::uuid"},
	"list-invitations":        {path: "/v1/deal-rooms/{id}/invitations", open: "TestInvitations: who may invite, of the room's own company"},
	"list-events":             {path: "/v1/events", open: "a resource is all of it or nothing, by the scopes and permissions of its type"},

	"list-producers":    {path: "/v1/producers", of: access.Org, want: access.ReadProducers, within: true},
	"list-licenses":     {open: "of a producer, for whoever may list those: docs/permissions.md"},
	"list-appointments": {open: "of a producer, for whoever may list those: docs/permissions.md"},
	"list-flags":        {path: "/v1/flags", of: access.Org, want: access.Read, within: true},

	"list-authority-profiles":    {path: "/v1/authority/profiles", of: access.Org, want: access.ViewDesk, within: true},
	"list-authority-delegations": {path: "/v1/authority/delegations", of: access.Org, want: access.ViewDesk, within: true},
	"list-authority-assignments": {path: "/v1/authority/assignments", of: access.Org, want: access.ViewDesk, within: true},
	"list-submission-queue":      {path: "/v1/submissions/queue", of: access.Org, want: access.ViewBusiness, within: true},
	"list-referral-tasks":        {path: "/v1/referral-tasks", of: access.Org, want: access.ViewBusiness, within: true},

	"list-my-sessions":          {open: "the caller's own, by his id"},
	"list-event-types":          {open: "the catalogue is the same for everybody"},
	"list-my-devices":           {open: "the caller's own, by his id"},
	"list-my-notifications":     {open: "the caller's own, by his id"},
	"list-portal-notifications": {open: "the caller's own, by his id"},
	"list-portal-sessions":      {open: "the caller's own, by his id"},
}

// listOperations reads the document for operations whose answer is a list.
func listOperations(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Ref        string                     `json:"$ref"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var doc struct {
		Paths map[string]struct {
			Get *struct {
				OperationID string `json:"operationId"`
				Responses   map[string]struct {
					Content map[string]struct {
						Schema schema `json:"schema"`
					} `json:"content"`
				} `json:"responses"`
			} `json:"get"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for path, p := range doc.Paths {
		if p.Get == nil {
			continue
		}
		body := p.Get.Responses["200"].Content["application/json"].Schema
		if body.Ref != "" {
			body = doc.Components.Schemas[body.Ref[strings.LastIndex(body.Ref, "/")+1:]]
		}
		if body.Properties["data"] != nil && body.Properties["hasMore"] != nil {
			found[p.Get.OperationID] = path
		}
	}
	if len(found) < 15 {
		t.Fatalf("only %d lists: %v", len(found), found)
	}
	return found
}

// A library is two companies' books, and everybody who may look into them.
type library struct {
	*cast
	orgs []access.OrgID
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{cast: newCast(t)}
	l.orgs = []access.OrgID{l.una.Org, l.actors["ben"].Org}
	for _, role := range append(slices.Clone(access.Roles), "") {
		for i, of := range []access.Actor{l.una, l.actors["ben"]} {
			name := fmt.Sprintf("%s of %d", role, i)
			l.actors[name] = storetest.User(t, l.db, of, name, firstOf(role, access.RoleBroker))
			if role == "" {
				storetest.SQL(t, l.db, "DELETE FROM relationship WHERE object_type = 'org' AND subject_id = $1", *l.actors[name].UUID())
			}
		}
	}
	for i, of := range []access.Actor{l.una, l.actors["ben"]} {
		for _, name := range []string{"Pat", "Pia"} {
			p := access.NewPersonID(time.Now())
			if err := l.db.InTx(t.Context(), of, func(tx *store.Tx) error {
				return tx.AddPerson(t.Context(), store.Person{ID: p, Org: of.Org, Name: name, Email: name + "@example.com", CreatedAt: time.Now()})
			}); err != nil {
				t.Fatal(err)
			}
			l.actors[fmt.Sprintf("%s of %d", name, i)] = access.Actor{Kind: access.Insured, ID: p.String(), Org: of.Org}
		}
		admin := l.token(l.actors[fmt.Sprintf("admin of %d", i)])
		k := l.must(201, admin, "POST", "/v1/api-keys", `{"name":"all","scopes":["submissions:read","policies:read","invoices:read","referrals:read","rooms:read","webhooks:read","producers:read","flags:read","rates:read","da-agreements:read"]}`)
		name := fmt.Sprintf("key of %d", i)
		l.actors[name] = access.Actor{Kind: access.Machine, ID: k["id"].(string), Org: of.Org}
		l.bearers[name] = k["key"].(string)
		l.must(201, admin, "POST", "/v1/webhooks", `{"url":"https://hooks.example.com/x","events":["*"]}`)
		l.write(of.Org)
	}
	for _, name := range []string{"key", "readingKey", "otherKey", "uri", "uno", "ulf", "bob", "mel", "cat", "vic", "abe"} {
		delete(l.actors, name) // there are others like them
	}
	for name, a := range l.actors {
		if l.bearers[name] == "" {
			l.bearers[name] = l.token(a)
		}
	}
	return l
}

// write writes a book: rows without what they refer to, and without any
// relationship.
func (l *library) write(org access.OrgID) {
	l.t.Helper()
	storetest.SQL(l.t, l.db, strings.ReplaceAll(`SET session_replication_role = replica;
		INSERT INTO submission (id, org_id, insured_name, naics_code, annual_revenue, requested_limit, effective_date, state, line_of_business, status, created_by, created_at, updated_at)
			SELECT gen_random_uuid(), ORG, 'B', '236220', 1, 1, '2026-05-01', 'OR', 'GL', 'received', 'x', now(), now() FROM generate_series(1, 5);
		INSERT INTO policy (id, org_id, number, submission_id, quote_id, insured_name, line_of_business, state, effective_date, expiration_date, gross_premium, installment_plan, status, created_by, created_at, updated_at)
			SELECT gen_random_uuid(), ORG, 'GL-' || n, gen_random_uuid(), gen_random_uuid(), 'B', 'GL', 'OR', '2026-05-01', '2027-05-01', 1, 'PIF', 'bound', 'x', now(), now() FROM generate_series(1, 5) n;
		INSERT INTO invoice (id, org_id, policy_id, number, due_date, premium, fee, amount, status, created_at, updated_at)
			SELECT gen_random_uuid(), ORG, p.id, n, '2026-05-01', 1, 0, 1, 'open', now(), now() FROM policy p, generate_series(1, 2) n WHERE p.org_id = ORG;
		INSERT INTO referral (id, org_id, entity_type, entity_id, submission_id, reason, rationale, status, raised_by, created_at, updated_at)
			SELECT gen_random_uuid(), ORG, 'submission', s.id, s.id, 'other', 'x', 'open', 'x', now(), now() FROM submission s WHERE s.org_id = ORG LIMIT 3;
		INSERT INTO room (id, org_id, submission_id, title, insured_name, line_of_business, status, created_by, created_at, updated_at)
			SELECT gen_random_uuid(), ORG, s.id, 'B', 'B', 'GL', 'active', 'x', now(), now() FROM submission s WHERE s.org_id = ORG LIMIT 4;
		INSERT INTO room_org SELECT id, ORG FROM room WHERE org_id = ORG`, "ORG", "'"+org.UUID()+"'"))
}

// ids reads one column, as the login role.
func (l *library) ids(sql string, args ...any) []string {
	l.t.Helper()
	return storetest.Value[[]string](l.t, l.db, "SELECT coalesce(array_agg(id::text), '{}') FROM ("+sql+") x (id)", args...)
}

// shuffle relates people and firms to things at random, within the schema and a
// little beside it.
func (l *library) shuffle() {
	l.t.Helper()
	storetest.SQL(l.t, l.db, "DELETE FROM relationship WHERE object_type <> 'org'")
	names := slices.Sorted(maps.Keys(l.actors))
	for org, of := range map[string]access.OrgID{"0": l.orgs[0], "1": l.orgs[1]} {
		_ = org
		for typ, table := range map[access.Type]string{access.Submission: "submission", access.Policy: "policy", access.Invoice: "invoice", access.Room: "room"} {
			for _, id := range l.ids("SELECT id FROM "+table+" WHERE org_id = $1", of.UUID()) {
				for relation, takes := range access.Schema[typ].Relations {
					if relation == "org" {
						continue
					}
					for range rand.IntN(3) {
						l.relate(of, typ, id, relation, takes[rand.IntN(len(takes))], l.actors[names[rand.IntN(len(names))]])
					}
				}
			}
		}
	}
}

func (l *library) relate(org access.OrgID, typ access.Type, id, relation, takes string, who access.Actor) {
	l.t.Helper()
	kind, set, _ := strings.Cut(takes, "#")
	var subject string
	switch kind {
	case "org":
		subject = l.orgs[rand.IntN(2)].UUID()
	case "policy":
		subject = l.ids("SELECT id FROM policy WHERE org_id = $1 ORDER BY random() LIMIT 1", org.UUID())[0]
	default:
		if who.UUID() == nil {
			return
		}
		subject = *who.UUID() // also of one whose kind the relation does not take
	}
	storetest.SQL(l.t, l.db, `INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id, subject_relation)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, org.UUID(), string(typ), id, relation, kind, subject, set)
	if typ == access.Room {
		storetest.SQL(l.t, l.db, "INSERT INTO room_org VALUES ($1, $2) ON CONFLICT DO NOTHING", id, who.Org.UUID())
	}
}

// list reads a list to its end: the ids, in their uuid form, and the status.
func (l *library) list(who, path string) (int, []string) {
	l.t.Helper()
	found, cursor := []string{}, ""
	for {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		status, m, _ := l.as(who, "GET", path+cursor, "")
		if status != http.StatusOK {
			return status, found
		}
		for _, row := range m["data"].([]any) {
			id, _ := row.(map[string]any)["id"].(string)
			if uuid := access.SubjectUUID(id); uuid != nil {
				found = append(found, *uuid)
			}
		}
		if m["hasMore"] != true {
			slices.Sort(found)
			return status, found
		}
		cursor = separator + "cursor=" + m["nextCursor"].(string)
	}
}

// allowed are the ids on which Check grants, of every organisation.
func (l *library) allowed(by access.Actor, of listing) []string {
	l.t.Helper()
	out := []string{}
	for _, org := range l.orgs {
		for _, id := range l.ids(of.rows+" WHERE org_id = $1", org.UUID()) {
			if l.may(by, of.want, access.Object{Type: of.of, ID: id, Org: org}) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (l *library) may(by access.Actor, want access.Permission, on access.Object) bool {
	l.t.Helper()
	err := access.Check(l.t.Context(), l.db.As(by), by, want, on)
	if err != nil && !errors.Is(err, fault.ErrForbidden) && !errors.Is(err, fault.ErrNotFound) {
		l.t.Fatal(err)
	}
	return err == nil
}

// TestListMatrix compares every list of the API with Check, on every object of
// books that are related at random, as every kind of principal. An operation
// that answers a list and is not in the table fails.
func TestListMatrix(t *testing.T) {
	for id, path := range listOperations(t) {
		if l, ok := listings[id]; !ok {
			t.Errorf("%s (GET %s) is not in the table of lists: which rows may who see?", id, path)
		} else if l.path != "" && l.path != path {
			t.Errorf("%s is at %s", id, path)
		}
	}
	l := newLibrary(t)
	seen := map[string]int{}
	for round := range 2 {
		l.shuffle()
		for id, of := range listings {
			for who, by := range l.actors {
				switch {
				case of.open != "":
				case !of.within:
					l.compare(t, fmt.Sprintf("%d: %s as %s", round, id, who), who, by, of, seen, id)
				default:
					l.compareWhole(t, fmt.Sprintf("%d: %s as %s", round, id, who), who, by, of, seen, id)
				}
			}
		}
	}
	for id, of := range listings {
		if of.open == "" && (seen[id+" shown"] == 0 || seen[id+" hidden"] == 0) {
			t.Errorf("%s: %d shown, %d hidden", id, seen[id+" shown"], seen[id+" hidden"])
		}
	}
}

// compare compares a list of objects with what Check says of each.
func (l *library) compare(t *testing.T, name, who string, by access.Actor, of listing, seen map[string]int, id string) {
	t.Helper()
	status, got := l.list(who, of.path)
	want := l.allowed(by, of)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d lists %v, Check allows %v", name, status, got, want)
	}
	if status != http.StatusOK && (status != http.StatusForbidden && status != http.StatusNotFound || len(want) > 0) {
		t.Errorf("%s: %d", name, status)
	}
	seen[id+" shown"] += len(got)
	seen[id+" hidden"] += 20 - len(got) // more than an organisation has
}

// compareWhole compares the list of an object with what Check says of that
// object: it is there whole, or refused.
func (l *library) compareWhole(t *testing.T, name, who string, by access.Actor, of listing, seen map[string]int, id string) {
	t.Helper()
	objects := []access.Object{access.OrgObject(by.Org)}
	if of.of != access.Org {
		objects = nil
		for _, org := range l.orgs {
			rows := map[access.Type]string{access.Policy: "policy", access.Room: "room", access.Submission: "submission", access.Webhook: "endpoint"}[of.of]
			for _, id := range l.ids("SELECT id FROM "+rows+" WHERE org_id = $1 LIMIT 2", org.UUID()) {
				objects = append(objects, access.Object{Type: of.of, ID: id, Org: org})
			}
		}
	}
	for _, on := range objects {
		status, got := l.list(who, strings.NewReplacer("{id}", idOf(t, on), "{orgId}", idOf(t, on)).Replace(of.path))
		may := l.may(by, of.want, on)
		if may != (status == http.StatusOK) {
			t.Errorf("%s on %s: %d, but Check says %t", name, on.ID, status, may)
		}
		if of.rows != "" && may {
			if want := l.ids(of.rows, by.Org.UUID()); !sameIDs(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		if may {
			seen[id+" shown"]++
		} else {
			seen[id+" hidden"]++
		}
	}
}

// idOf is an object's id as the API knows it.
func idOf(t *testing.T, on access.Object) string {
	t.Helper()
	id := map[access.Type]interface {
		sql.Scanner
		fmt.Stringer
	}{access.Org: new(access.OrgID), access.Policy: new(policy.ID), access.Room: new(room.ID), access.Submission: new(submission.ID), access.Webhook: new(push.EndpointID)}[on.Type]
	if err := id.Scan(on.ID); err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func sameIDs(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
