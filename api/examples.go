package api

// Examples of the document, in the order in which a test sends them.
const (
	exampleProgram = `{"name": "Cyber for retailers", "lineOfBusiness": "CYBER", "states": ["OR", "WA"], "maxLimit": 2000000,
		"autoBindThreshold": 50000, "referAbove": 75000, "declineAbove": 250000, "minYearsInBusiness": 1}`
	answerProgram = `{"id": "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", "orgId": "org_01J8K3M4N5P6Q7R8S9T0V1W2X3", "name": "Cyber for retailers",
		"lineOfBusiness": "CYBER", "states": ["OR", "WA"], "maxLimit": 2000000, "autoBindThreshold": 50000, "referAbove": 75000,
		"declineAbove": 250000, "minYearsInBusiness": 1, "createdAt": "2026-11-29T08:00:00Z"}`

	exampleBook = `{"baseRates": {"OR": {"perUnit": "0.85", "basis": "revenue", "minimumPremium": 1250},
			"WA": {"perUnit": "0.90", "basis": "revenue", "minimumPremium": 1250}},
		"territoryFactors": {"__": "1.00", "WA-981": "1.08"}, "classModifiers": {"44": "1.20", "4541": "1.35"}, "excludedClasses": ["713290"],
		"limitFactors": [{"upTo": 1000000, "factor": "1.00"}, {"upTo": 2000000, "factor": "1.48"}],
		"deductibleCredits": [{"from": 5000, "credit": "0.04"}, {"from": 25000, "credit": "0.14"}],
		"revenueBands": [{"upTo": 5000000, "factor": "1.00"}, {"upTo": 100000000000, "factor": "0.70"}],
		"claimFactors": [{"upTo": 0, "factor": "0.95"}, {"upTo": 1000, "factor": "1.40"}], "scheduleMax": 15}`
	exampleRateTable = `{"programId": "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", "effectiveDate": "2026-01-01", "book": ` + exampleBook + `}`
	answerHead       = `{"id": "rt_01J8K3M4N5P6Q7R8S9T0V1W2X3", "orgId": "org_01J8K3M4N5P6Q7R8S9T0V1W2X3", "programId": "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3",
		"version": 1, "effectiveDate": "2026-01-01", "createdBy": "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3", "createdAt": "2026-11-29T08:00:00Z"`
	answerRow       = answerHead + `, "status": "draft"}`
	answerDraft     = answerHead + `, "status": "draft", "book": ` + exampleBook + `}`
	answerPublished = answerHead + `, "status": "published", "publishedBy": "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3", "publishedAt": "2026-11-29T08:05:00Z", "book": ` + exampleBook + `}`

	exampleAsk      = `{"deductible": 5000, "schedule": {"percent": -10, "reason": "safety", "note": "A programme that works."}}`
	answerQuoteHead = `{"id": "quo_01J8K3M4N5P6Q7R8S9T0V1W2X3", "submissionId": "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", "version": 1, "decision": "quoted",
		"reasons": [], "grossPremium": 11927.25, "terms": {"requestedLimit": 1000000, "deductible": 5000,
			"schedule": {"percent": -10, "reason": "safety", "note": "A programme that works."}},
		"factors": [
			{"key": "base_rate", "label": "Base rate per $1,000 of revenue, OR", "value": "1.425", "formula": "8000000.00 ÷ 1000 × 1.425 = 11400.0000", "premium": "11400.0000"},
			{"key": "class", "label": "Class modifier, NAICS 236220", "value": "1.25", "formula": "11400.0000 × 1.25 = 14250.0000", "premium": "14250.0000"},
			{"key": "limit", "label": "Limit factor", "value": "1.00", "formula": "14250.0000 × 1.00 = 14250.0000", "premium": "14250.0000"},
			{"key": "deductible", "label": "Deductible credit, 5000.00", "value": "0.93", "formula": "14250.0000 × (1 − 0.07) = 13252.5000", "premium": "13252.5000"},
			{"key": "revenue_band", "label": "Revenue band", "value": "1.00", "formula": "13252.5000 × 1.00 = 13252.5000", "premium": "13252.5000"},
			{"key": "schedule", "label": "Schedule rating, safety", "value": "0.9", "formula": "13252.5000 × 0.9 = 11927.2500", "premium": "11927.2500"}],
		"rateVersion": 1, "schedule": {"PIF": [{"number": 1, "dueAfterMonths": 0, "premium": 11927.25, "fee": 0, "amount": 11927.25}]},
		"daFlags": [], "plansByAgreement": ["PREMIUM_FINANCE"], "producerFlags": [], "createdAt": "2026-11-29T08:00:00Z", "expiresAt": "2026-12-29T08:00:00Z"`
	answerQuote    = answerQuoteHead + `, "status": "quoted"}`
	answerOffered  = answerQuoteHead + `, "status": "offered", "offeredAt": "2026-11-29T08:05:00Z"}`
	answerAccepted = answerQuoteHead + `, "status": "accepted", "offeredAt": "2026-11-29T08:05:00Z", "acceptedAt": "2026-11-29T08:10:00Z"}`

	answerDeal = `{"roomId": "room_01J8K3M4N5P6Q7R8S9T0V1W2X3", "submissionId": "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "quoted", "quotes": [
			{"id": "quo_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "offered", "grossPremium": 14250, "terms": {"requestedLimit": 1000000},
				"schedule": {"PIF": [{"number": 1, "dueAfterMonths": 0, "premium": 14250, "fee": 0, "amount": 14250}]},
				"plansByAgreement": ["PREMIUM_FINANCE"], "expiresAt": "2026-12-29T08:00:00Z", "offeredAt": "2026-11-29T08:05:00Z"}],
		"referrals": [{"id": "ref_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "decided", "outcome": "approved_with_conditions", "questions": [],
			"conditions": [{"id": "cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3", "kind": "pre_bind", "action": "Send the roof inspection report.",
				"dueAt": "2026-12-15T00:00:00Z", "status": "open"}]}]}`

	exampleCarrier = `{"name": "Summit Insurance Company", "naicNumber": "12345", "email": "reports@summit.example",
		"bordereauConfig": {"premiumFrequency": "monthly", "claimsFrequency": "quarterly", "reportingLag": 15}, "externalId": "carrier-1"}`
	answerCarrier = `{"id": "car_01J8K3M4N5P6Q7R8S9T0V1W2X3", "orgId": "org_01J8K3M4N5P6Q7R8S9T0V1W2X3", "name": "Summit Insurance Company",
		"naicNumber": "12345", "email": "reports@summit.example", "status": "active",
		"bordereauConfig": {"premiumFrequency": "monthly", "claimsFrequency": "quarterly", "reportingLag": 15}, "externalId": "carrier-1", "metadata": {},
		"createdBy": "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3", "createdAt": "2026-11-29T08:00:00Z", "updatedAt": "2026-11-29T08:00:00Z"}`

	exampleTerms = `"agreementNumber": "BA-2024-17", "effectiveDate": "2024-01-01", "expirationDate": "2029-01-01", "maxOccurrenceLimit": 1000000,
		"maxAggregateLimit": 2000000, "maxPremiumPerPolicy": 100000, "authorizedStates": ["ALL_50"], "excludedStates": ["NY"],
		"authorizedNaicsCodes": ["23"], "excludedNaicsCodes": ["2389"], "annualGwpLimit": 5000000, "quarterlyGwpLimit": 2000000,
		"maxPoliciesPerInsured": 3, "maxInsuredRevenue": 50000000, "maxTiv": 20000000, "allowedPolicyTerms": [12], "minYearsInBusiness": 0,
		"referralTriggers": [{"type": "REVENUE_THRESHOLD", "threshold": 25000000, "description": "The carrier sees large contractors first."},
			{"type": "STATE", "values": ["FL", "LA"], "description": "Storms."}], "producerCommissionBps": 1500, "mgaOverrideBps": 750`
	exampleAgreement = `{"carrierId": "car_01J8K3M4N5P6Q7R8S9T0V1W2X3", "programId": "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", ` + exampleTerms + `}`
	answerAgreement  = `{"id": "da_01J8K3M4N5P6Q7R8S9T0V1W2X3", "orgId": "org_01J8K3M4N5P6Q7R8S9T0V1W2X3", "carrierId": "car_01J8K3M4N5P6Q7R8S9T0V1W2X3",
		"programId": "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "active", ` + exampleTerms + `, "metadata": {},
		"createdBy": "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3", "createdAt": "2026-11-29T08:00:00Z", "updatedAt": "2026-11-29T08:00:00Z"}`
	answerUtilization = `{"agreementId": "da_01J8K3M4N5P6Q7R8S9T0V1W2X3", "carrierId": "car_01J8K3M4N5P6Q7R8S9T0V1W2X3",
		"programId": "prog_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "active", "asOf": "2026-11-29", "aggregates": [
		{"aggregate": "accumulated_limit", "periodStart": "2024-01-01", "periodEnd": "2029-01-01", "used": 1000000, "reserved": 0, "policies": 1},
		{"aggregate": "annual_written_premium", "periodStart": "2026-01-01", "periodEnd": "2027-01-01", "limit": 5000000, "used": 14250, "reserved": 0, "remaining": 4985750, "utilization": 0, "policies": 1},
		{"aggregate": "quarterly_written_premium", "periodStart": "2026-01-01", "periodEnd": "2026-04-01", "limit": 2000000, "used": 0, "reserved": 0, "remaining": 2000000, "utilization": 0, "policies": 0},
		{"aggregate": "quarterly_written_premium", "periodStart": "2026-04-01", "periodEnd": "2026-07-01", "limit": 2000000, "used": 14250, "reserved": 0, "remaining": 1985750, "utilization": 0, "policies": 1},
		{"aggregate": "quarterly_written_premium", "periodStart": "2026-07-01", "periodEnd": "2026-10-01", "limit": 2000000, "used": 0, "reserved": 0, "remaining": 2000000, "utilization": 0, "policies": 0},
		{"aggregate": "quarterly_written_premium", "periodStart": "2026-10-01", "periodEnd": "2027-01-01", "limit": 2000000, "used": 0, "reserved": 0, "remaining": 2000000, "utilization": 0, "policies": 0}]}`

	answerTotals     = `{"grossPremium": 14250, "producerCommission": 2137.5, "mgaOverride": 1068.75, "netToCarrier": 11043.75}`
	exampleBordereau = `{"agreementId": "da_01J8K3M4N5P6Q7R8S9T0V1W2X3", "type": "premium", "periodStart": "2024-11-01", "periodEnd": "2024-12-01"}`
	answerBordereau  = `{"id": "bdx_01J8K3M4N5P6Q7R8S9T0V1W2X3", "orgId": "org_01J8K3M4N5P6Q7R8S9T0V1W2X3", "agreementId": "da_01J8K3M4N5P6Q7R8S9T0V1W2X3",
		"carrierId": "car_01J8K3M4N5P6Q7R8S9T0V1W2X3", "type": "premium", "periodStart": "2024-11-01", "periodEnd": "2024-12-01", "dueDate": "2024-12-16",
		"status": "pending", "rows": 1, "totals": ` + answerTotals + `, "createdBy": "usr_01J8K3M4N5P6Q7R8S9T0V1W2X3", "createdAt": "2026-11-29T08:00:00Z"}`
	answerBordereauRow = `{"transactionId": "ptx_01J8K3M4N5P6Q7R8S9T0V1W2X3", "transactionType": "NEW", "transactionDate": "2024-11-27",
		"policyId": "pol_01J8K3M4N5P6Q7R8S9T0V1W2X3", "policyNumber": "GL-2026-000001", "insuredName": "Pacific Coast Builders", "state": "OR",
		"lineOfBusiness": "GL", "naicsCode": "236220", "effectiveDate": "2026-05-01", "expirationDate": "2027-05-01", "occurrenceLimit": 1000000,
		"aggregateLimit": 1000000, "deductible": 0, "premium": ` + answerTotals + `}`
	exampleCorrect  = `{"annualRevenue": 8500000, "lossHistory": [{"year": 2025, "claims": 1, "incurred": 12000, "premium": 14000}], "unset": ["deductible"]}`
	exampleDecline  = `{"reasons": ["loss_history"], "rationale": "Three water losses in two years.", "message": "We cannot write this risk with its losses."}`
	exampleWithdraw = `{"reason": "coverage_elsewhere"}`
	answerReadiness = `{"submissionId": "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "received", "score": 50, "lane": "underwriter_review", "ready": true,
		"readyToBind": false, "decision": "quoted", "grossPremium": 14250, "blockers": [
			{"stage": "bind", "severity": "blocks", "rule": "submission_state", "message": "The submission is not in a state that allows this."}]}`
	answerQueue = `{"data": [{"submissionId": "sub_01J8K3M4N5P6Q7R8S9T0V1W2X3", "status": "received", "insuredName": "Pacific Coast Builders", "lineOfBusiness": "GL",
		"state": "OR", "requestedLimit": 1000000, "effectiveDate": "2026-05-01", "priority": "normal", "score": 50, "lane": "underwriter_review",
		"possibleDuplicates": 0, "createdAt": "2026-11-30T14:00:00Z", "externalId": "ext-1",
		"sla": {"state": "running", "dueAt": "2026-11-30T18:00:00Z",
			"firstResponse": {"state": "running", "startedAt": "2026-11-30T14:00:00Z", "withinMinutes": 240, "dueAt": "2026-11-30T18:00:00Z"},
			"quote": {"state": "running", "startedAt": "2026-11-30T14:00:00Z", "withinMinutes": 960, "dueAt": "2026-12-01T22:00:00Z"}}}], "hasMore": false}`
)
