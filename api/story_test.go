package api

// tell is the story, in its order.
func (s *story) tell() {
	s.company()
	hook := s.webhook()
	gl, cyber := s.rates()
	agreement := s.delegatedAuthority(gl)
	producer := s.producers()
	s.authority()
	sub := s.submissions()
	room := s.room()
	s.referred(room)
	s.quoted(sub, room)
	s.bound(sub)
	s.reported(agreement)
	s.alternatives()
	s.secondDeal()
	s.flags()
	s.play("una", "get-producer", producer)
	s.deliveries(hook)
	s.play("ada", "update-program", cyber)
	s.sandbox()
}

// its is the id of what was answered.
func its(m map[string]any) string { return m["id"].(string) }

// company is who works at it, with what credential its programs come.
func (s *story) company() {
	s.play("system", "create-organization")
	s.play("ada", "update-organization", s.una.Org.String())
	s.play("ada", "list-organizations")
	user := its(s.play("ada", "create-user"))
	s.play("ada", "update-user", user)
	s.play("ada", "list-users")
	key := its(s.play("ada", "create-api-key"))
	s.play("ada", "rotate-api-key", key)
	s.play("ada", "list-api-keys")
}

// webhook is where the company's own system hears of it all.
func (s *story) webhook() string {
	hook := its(s.play("ada", "create-webhook"))
	s.play("ada", "update-webhook", hook)
	s.play("ada", "get-webhook", hook)
	s.play("ada", "list-webhooks")
	return hook
}

// deliveries are what a webhook is owed.
func (s *story) deliveries(hook string) {
	sent := its(s.play("ada", "test-webhook", hook))
	s.play("ada", "list-webhook-deliveries", hook)
	s.play("ada", "get-webhook-delivery", hook, sent)
	s.play("ada", "retry-webhook-delivery", hook, sent)
}

// rates are those of two programs; it answers the one in which the story goes on,
// and the other.
func (s *story) rates() (gl, other string) {
	gl = at2(s.play("una", "list-programs", "?lineOfBusiness=GL"))
	program := its(s.play("ada", "create-program"))
	s.play("una", "get-program", program)
	table := its(s.play("ada", "create-rate-table"))
	s.play("una", "list-rate-tables", "?programId="+program+"&status=draft")
	s.play("ada", "publish-rate-table", table)
	s.play("una", "get-rate-table", table)
	return gl, program
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

// producers are who brings the business, and one who is like somebody on a
// sanctions list.
func (s *story) producers() string {
	p := its(s.play("una", "create-producer"))
	license := its(s.play("una", "add-license", p))
	s.play("una", "update-license", p, license)
	s.play("una", "list-licenses", p)
	appointment := its(s.play("una", "create-appointment", p))
	s.play("una", "update-appointment", p, appointment)
	s.then("una", "update-appointment", `{"status":"active","confirmationNumber":"OR-77"}`, p, appointment)
	s.play("una", "list-appointments", p)
	s.play("una", "set-producer-status", p)
	s.play("una", "update-producer", p)
	s.play("una", "list-producers", "?search=harbor")
	like := its(s.then("una", "create-producer", `{"type":"individual","legalName":"Viktor Zelezny Morosenco","npn":"7654321","email":"viktor@agency.example"}`))
	s.play("ada", "review-sanctions", like)
	return p
}

// authority is what the senior underwriters may agree to, and when two have to.
func (s *story) authority() {
	profile := its(s.play("ada", "create-authority-profile"))
	s.play("ada", "update-authority-profile", profile)
	s.play("una", "get-authority-profile", profile)
	s.play("una", "list-authority-profiles")
	s.play("ada", "assign-authority-profile", profile)
	s.then("ada", "assign-authority-profile", `{"userId":"`+s.people["ola"].ID+`"}`, profile)
	s.play("ada", "list-authority-assignments")
	away := its(s.play("uri", "create-authority-delegation"))
	s.play("ada", "list-authority-delegations")
	s.then("uri", "end-authority-delegation", "", away)
	s.play("ada", "set-referral-rules")
	s.play("una", "get-referral-rules")
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
	gone := its(s.then("una", "create-submission", requestOf(s.t, "create-submission")))
	s.play("una", "withdraw-submission", gone)
	s.play("una", "list-submissions", "?status=in_review")
	return sub
}

// room is where both companies talk about the submission.
func (s *story) room() string {
	room := its(s.play("una", "create-deal-room"))
	s.play("una", "update-deal-room", room)
	s.play("una", "list-deal-rooms")
	s.play("una", "add-deal-room-participant", room)
	s.then("una", "add-deal-room-participant", `{"email":"pat@pacificcoast.example","role":"broker"}`, room)
	s.play("una", "list-invitations", room)
	s.play("una", "update-deal-room-participant", room, s.people["ben"].ID)
	s.play("una", "get-deal-room", room)

	message := its(s.play("ben", "post-message", room))
	s.play("ben", "edit-message", room, message)
	s.play("una", "list-messages", room)
	s.play("una", "read-messages", room)
	file := its(s.play("ben", "add-file", room))
	s.play("una", "get-file", room, file)
	s.play("una", "list-files", room)
	remark := its(s.play("una", "annotate", room))
	s.play("ben", "change-annotation", room, remark)
	s.play("una", "list-annotations", room)
	s.play("una", "get-transcript", room)
	return room
}

// referred is a question about the submission, until its answer's conditions
// are met.
func (s *story) referred(room string) {
	r := its(s.play("una", "create-referral"))
	s.play("una", "list-referrals", "?status=open")
	s.play("uri", "claim-referral", r)
	s.play("uri", "release-referral", r)
	s.then("uri", "claim-referral", "", r)
	const ask = `{"decision":"request_more_info","rationale":"The loss runs are a year old.","questions":["Is the claim of 2025 closed?"]}`
	s.then("uri", "decide-referral", ask, r)
	s.play("ben", "respond-in-room", room, r)
	s.then("uri", "decide-referral", ask, r)
	s.play("una", "respond-referral", r)
	decided := s.play("uri", "decide-referral", r)
	first := its(decided["decision"].(map[string]any)["conditions"].([]any)[0].(map[string]any))
	s.play("ben", "submit-condition-in-room", room, r, first)
	s.play("uri", "change-referral-condition", r, first)
	s.play("una", "get-referral", r)
}

// quoted is a quote's way to a policy.
func (s *story) quoted(sub, room string) {
	s.play("una", "get-quote-readiness", sub)
	q := its(s.play("una", "quote-submission", sub))
	s.play("una", "list-quotes", sub)
	s.play("una", "offer-quote", q)
	s.play("ben", "get-deal", room)
	s.play("ben", "accept-quote-in-room", room, q)
	s.play("una", "get-quote", q)
	s.play("ben", "request-bind-in-room", room)
}

// bound is what there is of a policy.
func (s *story) bound(sub string) {
	policy := its(s.play("una", "bind-submission", sub))
	s.play("una", "get-policy", policy)
	s.play("una", "list-policies", "?status=bound")
	s.play("una", "get-policy-timeline", policy)
	s.play("una", "get-invoice", at2(s.play("una", "list-invoices", "?policyId="+policy)))
	s.play("una", "list-referral-tasks", "?status=open")
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

const (
	cascade  = `{"insuredName":"Cascade Framing","naicsCode":"238130","annualRevenue":6000000,"requestedLimit":1000000,"effectiveDate":"2026-06-01","state":"OR","lineOfBusiness":"GL","yearsInBusiness":9}`
	columbia = `{"insuredName":"Columbia River Contractors","naicsCode":"236220","annualRevenue":34000000,"requestedLimit":1000000,"effectiveDate":"2026-06-15","state":"OR","lineOfBusiness":"GL","yearsInBusiness":20}`

	aboutIt = `"reason":"risk_quality","rationale":"Framing above three stories."`
	counter = `{"decision":"approve","rationale":"Inside appetite with a higher deductible.","counter":{"deductible":10000,"exclusions":["Roofing"]}}`
)

// alternatives are the other ways of a question.
func (s *story) alternatives() {
	sub := its(s.then("una", "create-submission", cascade))
	q := its(s.then("una", "quote-submission", `{}`, sub))
	refer := func(kind, id, more string) string {
		return its(s.then("una", "create-referral", `{"entityType":"`+kind+`","entityId":"`+id+`",`+aboutIt+more+`}`))
	}
	r := refer("submission", sub, `,"draft":true`)
	s.play("una", "submit-referral", r)
	s.play("una", "withdraw-referral", r)

	r = refer("quote", q, "")
	s.then("uri", "decide-referral", counter, r)
	s.play("una", "answer-counter-referral", r)
	s.play("uri", "revoke-referral", r)

	large := its(s.then("una", "create-submission", columbia))
	r = refer("quote", its(s.then("una", "quote-submission", `{}`, large)), "")
	const approve = `{"decision":"approve","rationale":"A contractor that we know."}`
	s.then("uri", "decide-referral", approve, r)
	s.play("ola", "object-referral", r)
	s.then("uri", "decide-referral", approve, r)
	s.play("ola", "confirm-referral", r)
}

// secondDeal is one that the broker withdraws.
func (s *story) secondDeal() {
	sub := its(s.then("una", "create-submission", cascade))
	room := its(s.then("una", "create-deal-room", `{"submissionId":"`+sub+`","participants":[{"email":"ben@harbor.example","role":"broker"}]}`))
	q := its(s.then("una", "quote-submission", `{}`, sub))
	r := its(s.then("una", "create-referral", `{"entityType":"quote","entityId":"`+q+`","dealRoomId":"`+room+`",`+aboutIt+`}`))
	s.then("uri", "decide-referral", counter, r)
	quotes := s.play("ben", "answer-counter-in-room", room, r)["quotes"].([]any)
	next := its(quotes[0].(map[string]any))
	s.then("una", "offer-quote", "", next)
	s.play("una", "accept-quote", next)
	s.play("ben", "withdraw-in-room", room)
}

func (s *story) flags() {
	s.play("ada", "set-flag", "rooms.guest_invitations")
	s.play("ada", "list-flags")
}

// sandbox moves the clock of the organization, and ends all of it.
func (s *story) sandbox() {
	s.play("una", "get-test-clock")
	s.play("ada", "move-test-clock")
	s.play("ada", "reset-sandbox")
}
