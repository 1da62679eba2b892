package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// arrows says which of our packages each of our packages may import, tests
// aside. A new arrow is a decision: it belongs here and in
// docs/architecture.md.
var arrows = map[string][]string{
	"clients/live":        {},
	"cmd/openinsure":      {"api", "api/redislimit", "clients/live", "cmd/openinsure/demo", "hub", "hub/redisbroker", "internal/access", "internal/access/spicedb", "internal/audit", "internal/betterauth", "internal/cloudflare", "internal/fault", "internal/insurance", "internal/insurance/billing", "internal/insurance/producer", "internal/oidc", "internal/seal", "push", "push/apns", "push/fcm", "push/mail", "push/webhook", "push/webhook/egress", "rooms", "rooms/roomtext", "store", "store/embedded"},
	"cmd/openinsure/demo": {"clients/live", "push/pushtest", "store/embedded"}, // an outsider: it knows the API and nothing else
	"api": {
		"hub", "internal/access", "internal/audit", "internal/betterauth", "internal/cloudflare", "internal/event", "internal/fault", "internal/id",
		"internal/insurance", "internal/insurance/authority", "internal/insurance/billing", "internal/insurance/calendar", "internal/insurance/carrier", "internal/insurance/deal", "internal/insurance/delegated", "internal/insurance/money",
		"internal/insurance/policy", "internal/insurance/producer", "internal/insurance/quote", "internal/insurance/rating", "internal/insurance/referral",
		"internal/insurance/sla", "internal/insurance/submission", "internal/insurance/triage", "internal/oidc", "push", "push/webhook/sign", "rooms", "rooms/paper", "rooms/room", "store",
	},
	"api/redislimit": {"api", "internal/redisurl"},
	"store": {
		"internal/access", "internal/audit", "internal/event", "internal/fault", "internal/flag", "internal/insurance/authority",
		"internal/insurance/billing", "internal/insurance/carrier", "internal/insurance/delegated", "internal/insurance/money", "internal/insurance/policy", "internal/insurance/producer", "internal/insurance/quote", "internal/insurance/rating",
		"internal/insurance/referral", "internal/insurance/sla", "internal/insurance/submission", "internal/seal",
		"push", "rooms/room",
	},
	"store/embedded":      {},
	"store/storetest":     {"internal/access", "internal/insurance/submission", "internal/seal", "push", "push/webhook/sign", "rooms/room", "store", "store/embedded"},
	"hub":                 {"hub/presence"},
	"hub/redisbroker":     {"hub", "internal/redisurl"},
	"hub/brokertest":      {"hub"},
	"hub/redistest":       {"internal/proctest"},
	"hub/presence":        {},
	"push":                {"internal/access", "internal/event", "internal/fault", "internal/id"},
	"push/apns":           {"push"},
	"push/fcm":            {"push"},
	"push/mail":           {"push"},
	"push/pushtest":       {"push/webhook/sign"},
	"push/webhook":        {"internal/fault", "push", "push/webhook/egress", "push/webhook/sign"},
	"push/webhook/egress": {"internal/fault"},
	"push/webhook/sign":   {},
	"internal/insurance": {
		"internal/access", "internal/audit", "internal/event", "internal/fault", "internal/insurance/authority", "internal/insurance/billing",
		"internal/insurance/carrier", "internal/insurance/deal", "internal/insurance/delegated", "internal/insurance/money", "internal/insurance/policy", "internal/insurance/producer", "internal/insurance/quote",
		"internal/insurance/rating", "internal/insurance/referral", "internal/insurance/sla", "internal/insurance/submission", "rooms", "rooms/room", "store",
	},
	"internal/insurance/deal": {
		"internal/fault", "internal/insurance/billing", "internal/insurance/money", "internal/insurance/quote", "internal/insurance/referral", "internal/insurance/submission", "rooms/room",
	},
	"internal/insurance/referral": {
		"internal/access", "internal/event", "internal/fault", "internal/id", "internal/insurance/authority", "internal/insurance/calendar",
		"internal/insurance/money", "internal/insurance/policy", "internal/insurance/quote", "internal/insurance/sla", "internal/insurance/submission", "rooms/room",
	},
	"internal/insurance/delegated": {
		"internal/access", "internal/fault", "internal/id", "internal/insurance/carrier", "internal/insurance/money", "internal/insurance/policy", "internal/insurance/quote",
		"internal/insurance/submission",
	},
	"internal/insurance/authority": {
		"internal/access", "internal/fault", "internal/id", "internal/insurance/money", "internal/insurance/rating", "internal/insurance/submission",
	},
	"internal/insurance/calendar": {"internal/fault"},
	"internal/insurance/policy": {
		"internal/access", "internal/fault", "internal/id", "internal/insurance/billing", "internal/insurance/calendar", "internal/insurance/money", "internal/insurance/quote",
		"internal/insurance/rating", "internal/insurance/submission",
	},
	"internal/insurance/quote": {
		"internal/access", "internal/fault", "internal/id", "internal/insurance/money", "internal/insurance/rating", "internal/insurance/submission",
	},
	"internal/insurance/submission": {
		"internal/access", "internal/fault", "internal/id", "internal/insurance/money", "internal/insurance/producer", "internal/insurance/sla",
		"internal/insurance/triage",
	},
	"internal/insurance/carrier":        {"internal/access", "internal/fault", "internal/id"},
	"internal/insurance/sla":            {"internal/insurance/calendar"},
	"internal/insurance/triage":         {},
	"internal/insurance/billing":        {"internal/access", "internal/fault", "internal/id", "internal/insurance/calendar", "internal/insurance/money"},
	"internal/insurance/rating":         {"internal/fault", "internal/insurance/money"},
	"internal/insurance/money":          {"internal/fault"},
	"internal/event":                    {"internal/access", "internal/id", "internal/insurance/money"},
	"internal/access":                   {"internal/fault", "internal/id"},
	"internal/access/spicedb":           {"internal/access"},
	"internal/access/spicedb/spicetest": {"internal/proctest"},
	"internal/proctest":                 {},
	"internal/redisurl":                 {},
	"internal/audit":                    {"internal/access", "internal/id"},
	"internal/betterauth":               {"internal/fault"},
	"internal/cloudflare":               {"internal/fault", "internal/jwks"},
	"internal/jwks":                     {},
	"internal/jwks/jwkstest":            {},
	"internal/oidc":                     {"internal/access", "internal/fault", "internal/jwks"},
	"internal/id":                       {"internal/fault"},
	"internal/fault":                    {},
	"internal/seal":                     {},
	"internal/flag":                     {"internal/access", "internal/fault"},
	"internal/insurance/producer":       {"internal/access", "internal/fault", "internal/id", "internal/insurance/carrier"},
	"rooms": {
		"internal/access", "internal/audit", "internal/event", "internal/fault", "internal/flag", "internal/insurance/submission", "push", "rooms/room", "store",
	},
	"rooms/roomtext": {},
	"rooms/paper":    {"internal/event", "rooms", "rooms/room", "rooms/roomtext"},
	"rooms/room":     {"internal/access", "internal/event", "internal/fault", "internal/id", "internal/insurance/submission"},
}

func TestArrows(t *testing.T) {
	const module = "github.com/openinsure/openinsure/"
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		ours := []string{}
		for _, i := range p.Imports {
			if name, ok := strings.CutPrefix(i, module); ok {
				ours = append(ours, name)
			}
		}
		slices.Sort(ours)
		got[strings.TrimPrefix(p.ImportPath, module)] = ours
	}
	if d := cmp.Diff(arrows, got); d != "" {
		t.Errorf("arrows (-allowed +found):\n%s", d)
	}
}
