package main

// addAlternatives adds tales of several quotes, some of which are asked about.
func addAlternatives(tales map[string]func(*tale)) {
	tales["alternatives: one is countered, the other stays"] = func(t *tale) {
		t.begin("GL", "border")
		t.rate(nil)
		t.offer()
		small := t.quote
		t.rate(beyond.with(fields{"alternative": true}))
		large := t.quote
		t.refer(fields{"entityType": "quote", "entityId": large})
		t.standing("referred", map[string]string{small: "offered", large: "referred"})
		t.refused("submission_state", "una", "/v1/quotes/"+small+"/accept", nil) // while something is asked
		t.approve(fields{"counter": fields{"premium": 95_000}})                  // it takes two, for what was asked
		t.on("confirm", "noor", "confirm", fields{"rationale": "So do I."})
		t.brokerOn("counter", "counter", "answer-counter", fields{"accept": true})
		countered := t.newest()
		t.standing("quoted", map[string]string{small: "offered", large: "superseded", countered: "quoted"})
		t.quote = countered
		t.offer()
		t.accept()
		t.standing("quoted", map[string]string{small: "not_taken_up", large: "superseded", countered: "accepted"})
		t.bind("QUARTERLY")
		if p := t.must("una", "GET", "/v1/policies/"+t.policy, nil); p["grossPremium"] != 95_000.0 {
			t.fail("bound at %v", p["grossPremium"])
		}
	}
	tales["alternatives: an approval is of the price that was asked about"] = func(t *tale) {
		t.begin("GL", "border")
		t.rate(nil)
		small := t.quote
		t.rate(beyond.with(fields{"alternative": true}))
		large := t.quote
		t.refer(fields{"entityType": "quote", "entityId": small})
		t.approve(nil)
		t.standing("quoted", map[string]string{small: "quoted", large: "referred"})
		t.refer(fields{"entityType": "quote", "entityId": large})
		t.approve(nil) // it takes two
		t.standing("referred", map[string]string{small: "quoted", large: "referred"})
		t.on("confirm", "noor", "confirm", fields{"rationale": "So do I."})
		t.standing("quoted", map[string]string{small: "quoted", large: "quoted"})
		t.quote = large
		t.offer()
		t.accept()
		t.on("revoke", "ada", "revoke", fields{"rationale": "The roof was not closed."})
		t.standing("referred", map[string]string{small: "not_taken_up", large: "referred"})
		t.refused("not_bindable", "una", "/v1/submissions/"+t.submission+"/bind", fields{"installmentPlan": "PIF"})
	}
	tales["alternatives: one more while something is asked"] = func(t *tale) {
		t.begin("GL", "plain")
		t.rate(nil)
		first := t.quote
		t.refer(nil)
		t.rate(fields{"alternative": true})
		second := t.quote
		t.standing("referred", map[string]string{first: "quoted", second: "quoted"})
		t.refused("submission_state", "una", "/v1/quotes/"+second+"/offer", nil)
		t.on("withdraw", "una", "withdraw", fields{"rationale": "Found it."})
		t.standing("quoted", map[string]string{first: "quoted", second: "quoted"})
	}
	tales["alternatives: a decline ends all of them"] = func(t *tale) {
		t.begin("GL", "border")
		t.rate(nil)
		t.offer()
		first := t.quote
		t.rate(beyond.with(fields{"alternative": true}))
		t.refer(nil)
		t.decide("reject", nil)
		t.standing("declined", map[string]string{first: "declined", t.quote: "declined"})
	}
}

// standing checks where the submission and its quotes stand.
func (t *tale) standing(submission string, quotes map[string]string) {
	t.t.Helper()
	if got := t.before["submission"][t.submission]; got != submission {
		t.fail("the submission is %s, want %s: %v", got, submission, t.before)
	}
	for id, want := range quotes {
		if got := t.before["quote"][id]; got != want {
			t.fail("quote %s is %s, want %s: %v", id, got, want, t.before["quote"])
		}
	}
}

// newest is the last quote that was made.
func (t *tale) newest() string {
	t.t.Helper()
	return t.must("una", "GET", "/v1/submissions/"+t.submission+"/quotes?limit=1", nil)["data"].([]any)[0].(map[string]any)["id"].(string)
}
