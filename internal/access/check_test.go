package access_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// graph holds tuples in memory, by "type:id".
type graph map[string][]access.Tuple

func (g graph) Relationships(context.Context, access.Subject, ...access.Object) (access.Graph, error) {
	out := access.Graph{}
	for name, ts := range g {
		kind, id, _ := strings.Cut(name, ":")
		out[access.Node{Type: access.Type(kind), ID: id}] = ts
	}
	return out, nil
}

// lists reports whether a list by see holds an object, as the store's SQL does.
func (g graph) lists(see access.Scope, by access.Actor, on access.Object) bool {
	if see.All && by.Org == on.Org {
		return true
	}
	for _, w := range see.Ways {
		at := []string{string(on.Type) + ":" + on.ID}
		for _, step := range w.Path {
			var next []string
			for _, name := range at {
				for _, r := range g[name] {
					if r.Relation == step && r.SubjectRelation == "" {
						next = append(next, r.SubjectType+":"+r.SubjectID)
					}
				}
			}
			at = next
		}
		for _, name := range at {
			if len(w.Relations) == 0 || slices.ContainsFunc(g[name], func(r access.Tuple) bool {
				return slices.Contains(w.Relations, r.Relation) && slices.Contains(w.Subjects, r.Subject())
			}) {
				return true
			}
		}
	}
	return false
}

func TestCheckAndVisibleAgree(t *testing.T) {
	at := time.Now()
	mga, brokerage := access.NewOrgID(at), access.NewOrgID(at)
	una, ada, ben, cal, nobody := access.NewUserID(at), access.NewUserID(at), access.NewUserID(at), access.NewUserID(at), access.NewUserID(at)
	key, pat := access.NewKeyID(at), access.NewPersonID(at)
	submission := access.Object{Type: access.Submission, ID: access.NewOrgID(at).UUID(), Org: mga}
	referral := access.Object{Type: access.Referral, ID: access.NewOrgID(at).UUID(), Org: mga}
	policy := access.Object{Type: access.Policy, ID: access.NewOrgID(at).UUID(), Org: mga}
	g := graph{
		"org:" + mga.UUID(): {
			{Relation: "underwriter", SubjectType: "user", SubjectID: una.UUID()},
			{Relation: "admin", SubjectType: "user", SubjectID: ada.UUID()},
			{Relation: "integration", SubjectType: "key", SubjectID: key.UUID()},
		},
		"org:" + brokerage.UUID():     {{Relation: "broker", SubjectType: "user", SubjectID: ben.UUID()}},
		"submission:" + submission.ID: {{Relation: "producer", SubjectType: "org", SubjectID: brokerage.UUID(), SubjectRelation: "member"}},
		"policy:" + policy.ID: {
			{Relation: "insured", SubjectType: "person", SubjectID: pat.UUID()},
			{Relation: "producer", SubjectType: "user", SubjectID: cal.UUID()},
		},
	}
	user := func(id access.UserID, org access.OrgID) access.Actor {
		return access.Actor{Kind: access.User, ID: id.String(), Org: org}
	}
	tests := []struct {
		name string
		by   access.Actor
		want access.Permission
		on   access.Object
		err  error
	}{
		{"underwriter reads", user(una, mga), access.Read, submission, nil},
		{"underwriter binds", user(una, mga), access.Bind, submission, nil},
		{"underwriter does not administer", user(una, mga), access.Administer, access.OrgObject(mga), fault.ErrForbidden},
		{"administrator administers", user(ada, mga), access.Administer, access.OrgObject(mga), nil},
		{"colleague without a role", user(nobody, mga), access.Read, submission, fault.ErrForbidden},
		{"the broker's firm reads", user(ben, brokerage), access.Read, submission, nil},
		{"the broker's firm knows and may not bind", user(ben, brokerage), access.Bind, submission, fault.ErrForbidden},
		{"the broker's firm on another object", user(ben, brokerage), access.Read, policy, fault.ErrNotFound},
		{"the producer in person", user(cal, brokerage), access.Read, policy, nil},
		{"a stranger", user(nobody, brokerage), access.Read, submission, fault.ErrNotFound},
		{"a role in another organisation", user(una, brokerage), access.Administer, access.OrgObject(mga), fault.ErrForbidden},
		{"key", access.Actor{Kind: access.Machine, ID: key.String(), Org: mga}, access.Write, submission, nil},
		{"insured reads his policy", access.Actor{Kind: access.Insured, ID: pat.String(), Org: mga}, access.Read, policy, nil},
		{"insured does not know the submission", access.Actor{Kind: access.Insured, ID: pat.String(), Org: mga}, access.Read, submission, fault.ErrNotFound},
		{"system in its organisation", access.Actor{Kind: access.System, ID: "system", Org: mga}, access.Bind, submission, nil},
		{"system in another", access.Actor{Kind: access.System, ID: "system", Org: brokerage}, access.Read, submission, fault.ErrNotFound},
		{"underwriter decides", user(una, mga), access.Decide, referral, nil},
		{"administrator decides", user(ada, mga), access.Decide, referral, nil},
		{"key reads a referral", access.Actor{Kind: access.Machine, ID: key.String(), Org: mga}, access.Read, referral, nil},
		{"key does not decide", access.Actor{Kind: access.Machine, ID: key.String(), Org: mga}, access.Decide, referral, fault.ErrForbidden},
		{"the submission's broker knows no referral", user(ben, brokerage), access.Read, referral, fault.ErrNotFound},
		{"the insured knows no referral", access.Actor{Kind: access.Insured, ID: pat.String(), Org: mga}, access.Read, referral, fault.ErrNotFound},
		{"nobody", access.Actor{}, access.Read, submission, fault.ErrNotFound},
		{"a user with a key's id", access.Actor{Kind: access.User, ID: key.String(), Org: mga}, access.Read, submission, fault.ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := access.Check(t.Context(), g, tt.by, tt.want, tt.on); !errors.Is(err, tt.err) {
				t.Fatalf("Check = %v, want %v", err, tt.err)
			}
			if tt.want != access.Read || tt.on.Type == access.Org {
				return
			}
			see, err := access.Visible(t.Context(), g, tt.by, tt.on.Type)
			if err != nil {
				t.Fatal(err)
			}
			if listed := g.lists(see, tt.by, tt.on); listed != (tt.err == nil) {
				t.Errorf("listed %v, but Check = %v", listed, tt.err)
			}
		})
	}
}

func TestCheckEndsOnACircle(t *testing.T) {
	at := time.Now()
	a, b := access.NewOrgID(at), access.NewOrgID(at)
	set := func(o access.OrgID) access.Tuple {
		return access.Tuple{Relation: "admin", SubjectType: "org", SubjectID: o.UUID(), SubjectRelation: "admin"}
	}
	g := graph{"org:" + a.UUID(): {set(b)}, "org:" + b.UUID(): {set(a)}}
	by := access.Actor{Kind: access.User, ID: access.NewUserID(at).String(), Org: a}
	if err := access.Check(t.Context(), g, by, access.Administer, access.OrgObject(a)); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("err = %v", err)
	}
}

func TestZedNamesEveryPermission(t *testing.T) {
	zed := access.Zed()
	for _, line := range []string{"definition submission {", "\trelation producer: user | org#member", "\tpermission read = org->view_business + producer", "definition person {}",
		"definition desk {", "\trelation house: org", "\tpermission post = lead + participant_chat + org->integration", "\tpermission manage_fiduciary = admin + finance",
		"\tpermission read = policy->insured + policy->producer + adjuster + org->adjuster + org->finance + org->view_business"} {
		if !strings.Contains(zed, line+"\n") {
			t.Errorf("no %q in\n%s", line, zed)
		}
	}
}

func TestTokens(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	k1, k2 := access.NewTokenKey("k1"), access.NewTokenKey("k2")
	parse := func(keys, issuer string) *access.Tokens {
		t.Helper()
		v, err := access.ParseTokens(keys, issuer, clock)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := parse(k1, "https://a.example")
	who := access.Actor{Kind: access.User, ID: access.NewUserID(now).String(), Org: access.NewOrgID(now), Role: "admin"}
	token, until, err := first.Mint(who)
	if err != nil || !until.Equal(now.Add(access.TokenAge)) {
		t.Fatal(until, err)
	}
	rotated := parse(k2+","+k1, "https://a.example")
	if got, err := rotated.Verify(token); err != nil || got.ID != who.ID || got.Org != who.Org || got.Role != "admin" {
		t.Errorf("after rotation: %+v, %v", got, err)
	}
	head, rest, _ := strings.Cut(token, ".")
	for name, bad := range map[string]string{
		"cut": token[:len(token)-4], "none": "eyJhbGciOiJub25lIn0." + strings.Split(rest, ".")[0] + ".", "empty": "", "swapped head": strings.ToLower(head) + "." + rest,
	} {
		if _, err := first.Verify(bad); !errors.Is(err, access.ErrToken) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	if _, err := parse(k2, "https://a.example").Verify(token); !errors.Is(err, access.ErrToken) {
		t.Errorf("another key: err = %v", err)
	}
	if _, err := parse(k1, "https://b.example").Verify(token); !errors.Is(err, access.ErrToken) {
		t.Errorf("another issuer: err = %v", err)
	}
	now = now.Add(access.TokenAge + 29*time.Second)
	if _, err := first.Verify(token); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	now = now.Add(2 * time.Second)
	if _, err := first.Verify(token); !errors.Is(err, access.ErrToken) {
		t.Errorf("expired: err = %v", err)
	}
	jwks, err := rotated.JWKS()
	if err != nil || strings.Contains(string(jwks), `"d"`) || strings.Count(string(jwks), `"kid"`) != 2 {
		t.Errorf("key set %s, %v", jwks, err)
	}
	if _, err := access.ParseTokens("nonsense", "", clock); err == nil {
		t.Error("nonsense was taken for a key")
	}
}
