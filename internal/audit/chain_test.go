package audit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
)

// sample is a row as the database returns it.
func sample() audit.Row {
	return audit.Row{
		ID: audit.ID{1}, Ord: 7, Org: access.OrgID{2}, At: time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC), ActorKind: access.User, ActorID: "usr_1",
		Action: audit.UserChanged, ObjectType: "user", ObjectID: "usr_2", Outcome: audit.Granted, Reason: "r", Request: access.RequestID{3},
		Address: "::1", Count: 1, Seq: 1,
		Details: audit.Details{"b": json.Number("0.25"), "a": []any{"x", true, nil}, "c": map[string]any{"z": "ü", "y": false}},
	}
}

// TestHashIsForEver: rows that were linked by an earlier version must still
// verify, so the form that is hashed does not change.
func TestHashIsForEver(t *testing.T) {
	const want = "8924a07b13e2ae40d153b80492c84bcefaf84a34ef423fa53e7505e89c0b091b"
	if got := sample().Link(audit.Hash{9}).String(); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestEveryColumnIsHashed(t *testing.T) {
	was := sample().Link(audit.Hash{})
	for name, change := range map[string]func(*audit.Row){
		"id":             func(r *audit.Row) { r.ID[15]++ },
		"ord":            func(r *audit.Row) { r.Ord++ },
		"organisation":   func(r *audit.Row) { r.Org[15]++ },
		"time":           func(r *audit.Row) { r.At = r.At.Add(time.Microsecond) },
		"actor's kind":   func(r *audit.Row) { r.ActorKind = access.Machine },
		"actor":          func(r *audit.Row) { r.ActorID = "usr_3" },
		"action":         func(r *audit.Row) { r.Action = audit.UserStopped },
		"object's type":  func(r *audit.Row) { r.ObjectType = "org" },
		"object":         func(r *audit.Row) { r.ObjectID = "" },
		"outcome":        func(r *audit.Row) { r.Outcome = audit.Refused },
		"reason":         func(r *audit.Row) { r.Reason = "s" },
		"request":        func(r *audit.Row) { r.Request = access.RequestID{} },
		"address":        func(r *audit.Row) { r.Address = "::2" },
		"count":          func(r *audit.Row) { r.Count++ },
		"seq":            func(r *audit.Row) { r.Seq++ },
		"moved a letter": func(r *audit.Row) { r.ObjectID, r.ObjectType = "r"+r.ObjectID, "use" },
		"a number":       func(r *audit.Row) { r.Details["b"] = json.Number("0.250") },
		"its type":       func(r *audit.Row) { r.Details["b"] = "0.25" },
		"a key":          func(r *audit.Row) { delete(r.Details, "b"); r.Details["bb"] = json.Number("0.25") },
		"an element":     func(r *audit.Row) { r.Details["a"] = []any{"x", true} },
		"an order":       func(r *audit.Row) { r.Details["a"] = []any{true, "x", nil} },
		"null":           func(r *audit.Row) { r.Details["a"] = []any{"x", true, "null"} },
		"deep":           func(r *audit.Row) { r.Details["c"] = map[string]any{"z": "ü", "y": true} },
	} {
		r := sample()
		if change(&r); r.Link(audit.Hash{}) == was {
			t.Errorf("%s: the hash is the same", name)
		}
	}
	if sample().Link(audit.Hash{1}) == was {
		t.Error("the hash before does not count")
	}
	if sample().Link(audit.Hash{}) != was {
		t.Error("the hash of a row is not always the same")
	}
}

func TestTypeOf(t *testing.T) {
	for object, want := range map[string]string{"pol_01": "policy", "room_01": "deal_room", "xyz_01": "other", "": "", "word": ""} {
		if got := audit.TypeOf(object); got != want {
			t.Errorf("%q is %q, want %q", object, got, want)
		}
	}
}
