package store_test

import (
	"reflect"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
)

// scopeless are the lists that need no Scope: what they are of was asked for
// before, or is the reader's own.
var scopeless = map[string]string{
	"Annotations":   "of a room, which was read by one who may",
	"Files":         "of a room, which was read by one who may",
	"Invitations":   "of a room, which was read by one who may",
	"Deliveries":    "of an endpoint, which was read by one who may",
	"Events":        "of resources, each of which may be read whole",
	"Audit":         "of an organisation whose log may be read",
	"Devices":       "of one who acts, by his id",
	"Notifications": "of one who acts, by his id",
	"UserSignIns":   "of one who acts, by his id",
	"Programs":      "of an organisation whose rates may be read",
	"RateTables":    "of an organisation whose rates may be read",
	"Carriers":      "of an organisation whose delegated authority may be read",
	"Agreements":    "of an organisation whose delegated authority may be read",
	"Bordereaux":    "of an organisation whose delegated authority may be read",
	"BordereauRows": "of a bordereau, which was read by one who may",
	"Drafts":        "of one who acts, by his id; of all for an administrator: TestDraft",
	"Quotes":        "of a submission, which was read by one who may",
	"Profiles":      "of an organisation whose desk may be seen",
	"Delegations":   "of an organisation whose desk may be seen",
	"Assignments":   "of an organisation whose desk may be seen",
	"Tasks":         "of an organisation whose business may be seen",
	"ProducersBy":   "of an organisation whose producers may be read",
	"SignIns":       "of one who acts, by his id",
}

// TestListsTakeAScope finds lists that can be asked for without access having
// said what they may hold.
func TestListsTakeAScope(t *testing.T) {
	scope, page := reflect.TypeFor[access.Scope](), reflect.TypeFor[store.Page]()
	takes := func(m reflect.Method, want reflect.Type) bool {
		for in := range m.Type.Ins() {
			if in == want {
				return true
			}
		}
		return false
	}
	lists := 0
	for m := range reflect.TypeFor[store.Reader]().Methods() {
		if !takes(m, page) {
			continue
		}
		lists++
		if takes(m, scope) == (scopeless[m.Name] != "") {
			t.Errorf("Reader.%s: takes a Scope: %t; why not: %q", m.Name, takes(m, scope), scopeless[m.Name])
		}
	}
	if lists < 15 {
		t.Errorf("only %d lists found", lists)
	}
}
