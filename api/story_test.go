package api

// tell is the story, in its order.
func (s *story) tell() {
	gl := s.rates()
	agreement := s.delegatedAuthority(gl)
	sub := s.submissions()
	policy := s.quoted(sub)
	s.bound(policy)
	s.reported(agreement)
}

// its is the id of what was answered.
func its(m map[string]any) string { return m["id"].(string) }

// rates are those of two programs; it answers the one in which the story goes on.
func (s *story) rates() string {
	gl := at2(s.play("una", "list-programs", "?lineOfBusiness=GL"))
	program := its(s.play("ada", "create-program"))
	s.play("una", "get-program", program)
	table := its(s.play("ada", "create-rate-table"))
	s.play("una", "list-rate-tables", "?programId="+program+"&status=draft")
	s.play("ada", "publish-rate-table", table)
	s.play("una", "get-rate-table", table)
	return gl
}

// delegatedAuthority is a carrier's, for the program.
func (s *story) delegatedAuthority(program string) string {
	carrier := its(s.play("ada", "create-carrier"))
	s.play("ada", "update-carrier", carrier)
	s.play("una", "get-carrier", carrier)
	s.play("una", "list-carriers", "?status=active")
	agreement := its(s.play("ada", "create-da-agreement"))
	s.play("ada", "update-da-agreement", agreement)
	s.play("una", "get-da-agreement", agreement)
	s.play("una", "list-da-agreements", "?programId="+program)
	return agreement
}

// submissions are one that is drafted, submitted and worked, and some that end.
func (s *story) submissions() string {
	sub := its(s.play("una", "create-submission-draft"))
	s.play("una", "submit-submission-draft", sub)
	s.play("una", "update-submission", sub)
	s.play("una", "list-submission-queue")
	s.play("una", "claim-submission", sub)
	s.play("una", "release-submission", sub)
	s.then("una", "claim-submission", "", sub)
	s.play("una", "get-submission", sub)

	likely := its(s.play("una", "create-submission"))
	s.play("ada", "review-submission-sanctions", likely)
	s.play("una", "decline-submission", likely)
	gone := its(s.then("una", "create-submission", requestOf(s.t, "create-submission"), ""))
	s.play("una", "withdraw-submission", gone)
	s.play("una", "list-submissions", "?status=in_review")
	return sub
}

// quoted is a quote's way to a policy.
func (s *story) quoted(sub string) string {
	s.play("una", "get-quote-readiness", sub)
	q := its(s.play("una", "quote-submission", sub))
	s.play("una", "list-quotes", sub)
	s.play("una", "offer-quote", q)
	s.play("una", "accept-quote", q)
	s.play("una", "get-quote", q)
	return its(s.play("una", "bind-submission", sub))
}

// bound is what there is of a policy.
func (s *story) bound(policy string) {
	s.play("una", "get-policy", policy)
	s.play("una", "list-policies", "?status=bound")
	s.play("una", "get-policy-timeline", policy)
	s.play("una", "get-invoice", at2(s.play("una", "list-invoices", "?policyId="+policy)))
}

// reported is what the carrier is told.
func (s *story) reported(agreement string) {
	s.play("una", "get-da-utilization", agreement)
	s.play("una", "list-da-utilization", s.una.Org.String())
	s.at("2026-04-02T14:00:00Z")
	b := its(s.play("ada", "create-bordereau"))
	s.play("una", "get-bordereau", b)
	s.play("una", "list-bordereaux", "?agreementId="+agreement)
	s.play("una", "list-bordereau-rows", b)
}
