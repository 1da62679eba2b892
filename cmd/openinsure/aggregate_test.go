package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A tally counts answers by what they say.
type tally struct {
	mu    sync.Mutex // guards count
	count map[string]int
}

// together asks n times at once, request i of node i, and counts what a says of
// each answer.
func (c *cluster) together(n int, ask func(i int, node *running) answer, says func(answer) string) map[string]int {
	c.t.Helper()
	got := tally{count: map[string]int{}}
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		node := c.node(i)
		all.Go(func() {
			<-start
			said := says(ask(i, node))
			got.mu.Lock()
			defer got.mu.Unlock()
			got.count[said]++
		})
	}
	close(start)
	all.Wait()
	return got.count
}

// asked posts to a node, which has to answer.
func (c *cluster) asked(node *running, bearer, path, body string) answer {
	c.t.Helper()
	a, err := node.call(http.MethodPost, path, body, "X-API-Key", "", "Authorization", "Bearer "+bearer)
	if err != nil {
		c.t.Errorf("POST %s: %v", path, err)
	}
	return a
}

// TestTwoNodesShareAnAgreement binds 64 submissions at once through two processes
// under an agreement that has room for 40; accepts 64 quotes of one submission at
// once; decides one referral twice at once, many times; and claims one submission.
func TestTwoNodesShareAnAgreement(t *testing.T) {
	c := newCluster(t, "serve", "serve")
	admin, una := c.token("admin"), c.token("underwriter")
	get := func(path string) map[string]any {
		t.Helper()
		var m map[string]any
		if err := send(t.Context(), c.node(1).url, admin, http.MethodGet, path, nil, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	submitted := func(i int) string {
		t.Helper()
		return c.must(una, "/v1/submissions", map[string]any{
			"insuredName": fmt.Sprint("Builders ", i), "naicsCode": "236220", "annualRevenue": 8_000_000, "requestedLimit": 1_000_000,
			"effectiveDate": "2026-05-01", "state": "OR", "lineOfBusiness": "GL",
		})["id"].(string)
	}
	quoted := func(s string, body map[string]any) map[string]any {
		t.Helper()
		if body == nil {
			body = map[string]any{}
		}
		return c.must(una, "/v1/submissions/"+s+"/quote", body)
	}
	program := get("/v1/programs?lineOfBusiness=GL")["data"].([]any)[0].(map[string]any)["id"].(string)
	carrier := c.must(admin, "/v1/carriers", map[string]any{"name": "Summit Casualty"})["id"].(string)
	const room, n, premium = 40, 64, 14250
	agreement := c.must(admin, "/v1/da-agreements", map[string]any{
		"carrierId": carrier, "programId": program, "effectiveDate": "2026-01-01", "expirationDate": "2027-01-01", "maxOccurrenceLimit": 1_000_000,
		"maxAggregateLimit": 1_000_000, "maxPremiumPerPolicy": premium, "authorizedStates": []string{"ALL_50"}, "annualGwpLimit": room * premium,
	})["id"].(string)
	used := func() map[string]any {
		t.Helper()
		for _, l := range get("/v1/da-agreements/" + agreement + "/utilization")["aggregates"].([]any) {
			if l := l.(map[string]any); l["aggregate"] == "annual_written_premium" {
				return l
			}
		}
		t.Fatal("no year")
		return nil
	}

	before := readSQL[int](c, "SELECT count(*)::int FROM policy")
	ids := make([]string, n)
	for i := range ids {
		ids[i] = submitted(i)
		if q := quoted(ids[i], nil); q["grossPremium"] != float64(premium) {
			t.Fatalf("%v", q)
		}
	}
	says := func(a answer) string {
		details, _ := a.body["details"].(map[string]any)
		return fmt.Sprint(a.status, " ", a.body["error"], " ", details["blockers"])
	}
	got := c.together(n, func(i int, node *running) answer {
		return c.asked(node, una, "/v1/submissions/"+ids[i]+"/bind", `{"installmentPlan":"MONTHLY_10"}`)
	}, says)
	if d := cmp.Diff(map[string]int{"201 <nil> <nil>": room, "422 not_bindable [da_annual_premium]": n - room}, got); d != "" {
		t.Errorf("%d binds at once on two nodes, with room for %d:\n%s", n, room, d)
	}
	if made := readSQL[int](c, "SELECT count(*)::int FROM policy") - before; made != room {
		t.Errorf("%d policies", made)
	}
	for what, sql := range map[string]string{
		"aggregate": "SELECT used::bigint FROM da_aggregate WHERE kind = 'annual_written_premium'", "sum of what was used": "SELECT sum(premium)::bigint FROM da_usage",
	} {
		if sum := readSQL[int64](c, sql); sum != room*premium*100 {
			t.Errorf("%s: %d cents", what, sum)
		}
	}
	if l := used(); l["used"] != float64(room*premium) || l["remaining"] != 0.0 || l["utilization"] != 100.0 || l["policies"] != float64(room) {
		t.Errorf("%v", l)
	}
	if told := readSQL[int](c, "SELECT count(*)::int FROM event WHERE type = 'da.limit_approaching'"); told != 1 {
		t.Errorf("told %d times that the limit is near", told)
	}
	if rows := readSQL[int](c, "SELECT count(*)::int FROM bordereau_row"); rows != 0 {
		t.Errorf("development would report %d policies to a carrier", rows)
	}

	// Siblings: one acceptance reserves the room that is made for one.
	c.change(admin, http.MethodPatch, "/v1/da-agreements/"+agreement, map[string]any{"annualGwpLimit": (room + 2) * premium})
	one := submitted(n)
	siblings := make([]string, n)
	for i := range siblings {
		siblings[i] = quoted(one, map[string]any{"alternative": i > 0})["id"].(string)
		c.must(una, "/v1/quotes/"+siblings[i]+"/offer", nil)
	}
	got = c.together(n, func(i int, node *running) answer {
		return c.asked(node, una, "/v1/quotes/"+siblings[i]+"/accept", "")
	}, says)
	if d := cmp.Diff(map[string]int{"200 <nil> <nil>": 1, "422 quote_state <nil>": n - 1}, got); d != "" {
		t.Errorf("%d acceptances of siblings at once:\n%s", n, d)
	}
	if l := used(); l["reserved"] != float64(premium) {
		t.Errorf("after one acceptance: %v", l)
	}

	// Decisions: of two at once by two underwriters, on two nodes, one counts.
	uma, uli := c.underwriter("uma@summit.example"), c.underwriter("uli@summit.example")
	for i := range 8 {
		r := c.must(una, "/v1/referrals", map[string]any{"entityType": "submission", "entityId": submitted(100 + i), "reason": "prior_losses", "rationale": "Three losses."})["id"].(string)
		got := c.together(2, func(i int, node *running) answer {
			return c.asked(node, []string{uma, uli}[i], "/v1/referrals/"+r+"/decision", []string{`{"decision":"approve","rationale":"x"}`, `{"decision":"reject","rationale":"x"}`}[i])
		}, says)
		if d := cmp.Diff(map[string]int{"200 <nil> <nil>": 1, "422 referral_decided <nil>": 1}, got); d != "" {
			t.Errorf("two decisions of one referral at once:\n%s", d)
		}
	}

	// Claims: of two underwriters who both ask many times, one has it.
	s := submitted(200)
	var mu sync.Mutex // guards holders
	holders := map[string]bool{}
	got = c.together(n, func(i int, node *running) answer {
		return c.asked(node, []string{uma, uli}[i%2], "/v1/submissions/"+s+"/claim", "")
	}, func(a answer) string {
		mu.Lock()
		defer mu.Unlock()
		if a.status == http.StatusOK {
			holders[fmt.Sprint(a.body["assignee"])] = true
		}
		return says(a)
	})
	if len(holders) != 1 || got["409 submission_claimed <nil>"] != n/2 || got["200 <nil> <nil>"]+got["409 submission_claimed <nil>"] != n {
		t.Errorf("%d claims at once: held by %v, %v", n, holders, got)
	}
	if told := readSQL[int](c, "SELECT count(*)::int FROM event WHERE type = 'submission.claimed'"); told != 1 {
		t.Errorf("told %d times that it was claimed", told)
	}
	for i := range 2 {
		if log := c.node(i).log.String(); strings.Contains(log, "deadlock") || slices.Contains(strings.Fields(log), "PANIC") {
			t.Errorf("node %d says\n%s", i, log)
		}
	}
}

// change makes a request of the first node, which has to succeed.
func (c *cluster) change(bearer, method, path string, body any) {
	c.t.Helper()
	if err := send(c.t.Context(), c.node(0).url, bearer, method, path, body, nil); err != nil {
		c.t.Fatal(err)
	}
}
