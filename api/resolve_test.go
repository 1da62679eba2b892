package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/store/storetest"
)

// someID is an id of nothing, without its prefix.
const someID = "_01J8K3M4N5P6Q7R8S9T0V1W2X3"

// TestEverythingAtOnce sends requests in which all is wrong that can be: what the
// schema refuses, what cannot be read, and what contradicts itself. Each answer
// names all of it, each thing once, and nothing has changed.
func TestEverythingAtOnce(t *testing.T) {
	c := newCast(t)
	sub := "/v1/submissions/" + c.submission()
	before := rowsOf(t, c)
	for _, tt := range []struct{ name, who, method, path, body, want string }{
		{"submission", "una", "POST", "/v1/submissions", `{"insuredName":"","naicsCode":"001234","annualRevenue":1.005,"requestedLimit":1000,"effectiveDate":"2026-02-30","state":"XX",
			"lineOfBusiness":"PETS","producerId":"prd_1","aggregateLimit":999,"deductible":1000,"employees":-1,"yearsInBusiness":1.5,
			"lossHistory":[{"year":2025,"claims":0,"incurred":5},{"year":2025,"claims":1,"incurred":-5}],"priority":"now","metadata":{"":"x","k":"` + strings.Repeat("v", 501) + `"},"colour":"red"}`,
			`aggregateLimit min, annualRevenue money, colour unknown, deductible max, effectiveDate date, employees min, insuredName minLength, lineOfBusiness enum,
			lossHistory[0].claims min, lossHistory[1].incurred min, lossHistory[1].year unique, metadata minLength, metadata.k maxLength, naicsCode enum, priority enum, producerId id, state enum, yearsInBusiness type`},
		{"submission of little", "una", "POST", "/v1/submissions", `{"aggregateLimit":5,"lossHistory":[{"year":2025,"claims":0,"incurred":0},{"year":2025,"claims":0,"incurred":0}]}`,
			`annualRevenue required, effectiveDate required, insuredName required, lineOfBusiness required, lossHistory[1].year unique, naicsCode required, requestedLimit required, state required`},
		{"submission of another time", "una", "POST", "/v1/submissions", `{"insuredName":"A","naicsCode":"236220","annualRevenue":1,"requestedLimit":100000000001,"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL",
			"aggregateLimit":1,"deductible":2,"lossHistory":[{"year":2015,"claims":0,"incurred":0},{"year":2027,"claims":0,"incurred":0}]}`,
			`lossHistory[0].year min, lossHistory[1].year max, requestedLimit max`},
		{"no object", "una", "POST", "/v1/submissions", `[]`, `body type`},
		{"draft", "una", "POST", "/v1/submissions/drafts", `{"insuredName":"","state":"XX","annualRevenue":0.001,"producerId":"nobody","effectiveDate":"tomorrow"}`,
			`annualRevenue money, effectiveDate date, insuredName minLength, lineOfBusiness required, producerId id, state enum`},
		{"correction", "una", "PATCH", sub, `{"naicsCode":"00","state":"oregon","requestedLimit":10,"aggregateLimit":5,"deductible":10,"unset":["deductible","taste"],"priority":"now"}`,
			`aggregateLimit min, deductible max, deductible unexpected, naicsCode enum, priority enum, state enum, unset[1] enum`},
		{"quote", "una", "POST", sub + "/quote", `{"requestedLimit":-1,"schedule":{"percent":26,"reason":"mood"},"alternative":"yes"}`,
			`alternative type, requestedLimit min, schedule.percent max, schedule.reason enum`},
		{"bind", "una", "POST", sub + "/bind", `{"installmentPlan":"MONTHLY_13","quoteId":"quo_1","premiumFinance":{"financier":" ","downPayment":1,"downPaymentPercent":100},"metadata":{"` + strings.Repeat("k", 41) + `":""}}`,
			`installmentPlan enum, metadata maxLength, premiumFinance unexpected, premiumFinance.agreementNumber required, premiumFinance.downPaymentPercent max, premiumFinance.downPaymentPercent unexpected, premiumFinance.financier pattern, quoteId id`},
		{"decline", "una", "POST", sub + "/decline", `{"reasons":["other","other","mood"],"rationale":""}`,
			`message required, rationale minLength, reasons[1] unique, reasons[2] enum`},
		{"withdrawal", "una", "POST", sub + "/withdraw", `{"reason":"other","colour":"red"}`, `colour unknown, message required`},
		{"program", "ada", "POST", "/v1/programs", `{"name":"","lineOfBusiness":"GL","states":["OR","OR","XX"],"maxLimit":0,"autoBindThreshold":-1,"referAbove":10,"declineAbove":5,"maxExperienceMod":"high"}`,
			`autoBindThreshold min, declineAbove min, maxExperienceMod pattern, maxLimit min, name minLength, states[1] unique, states[2] enum`},
		{"rate table", "ada", "POST", "/v1/rate-tables", `{"programId":"prg_1","effectiveDate":"2026-13-01","book":{"baseRates":{"OR":{"perUnit":"free","basis":"luck","minimumPremium":-1}},
			"limitFactors":[{"upTo":10,"factor":"1"},{"upTo":5,"factor":"x"}],"revenueBands":[],"scheduleMax":30}}`,
			`book.baseRates.OR.basis enum, book.baseRates.OR.minimumPremium min, book.baseRates.OR.perUnit format, book.limitFactors[1].factor format, book.limitFactors[1].upTo min, book.revenueBands required, book.scheduleMax max, effectiveDate date, programId id`},
		{"agreement", "ada", "POST", "/v1/da-agreements", `{"carrierId":"car_1","programId":"","effectiveDate":"2026-01-02","expirationDate":"2026-01-01","maxOccurrenceLimit":10,"maxAggregateLimit":5,"maxPremiumPerPolicy":-1,
			"authorizedStates":["XX"],"excludedNaicsCodes":["a"],"annualGwpLimit":10,"quarterlyGwpLimit":11,"producerCommissionBps":9000,"mgaOverrideBps":1001,"referralTriggers":[{"type":"STATE","description":"x","threshold":1}]}`,
			`authorizedStates[0] enum, carrierId id, excludedNaicsCodes[0] pattern, expirationDate min, maxAggregateLimit min, maxPremiumPerPolicy min, mgaOverrideBps max, programId minLength, quarterlyGwpLimit max, referralTriggers[0].threshold unexpected, referralTriggers[0].values required`},
		{"agreement, changed", "ada", "PATCH", "/v1/da-agreements/daa" + someID, `{"status":"ended","authorizedStates":["OR","OR"],"quarterlyGwpLimit":1}`,
			`authorizedStates[1] unique, status enum`},
		{"carrier", "ada", "POST", "/v1/carriers", `{"name":"","naicNumber":"1","email":"nobody","bordereauConfig":{"premiumFrequency":"daily","reportingLag":91},"metadata":{"":""}}`,
			`bordereauConfig.premiumFrequency enum, bordereauConfig.reportingLag max, email email, metadata minLength, naicNumber pattern, name minLength`},
		{"bordereau", "ada", "POST", "/v1/bordereaux", `{"agreementId":"daa_1","type":"claims","periodStart":"2026-02-01","periodEnd":"2026-01-01"}`, `agreementId id, periodEnd min, type enum`},
		{"producer", "ada", "POST", "/v1/producers", `{"type":"firm","legalName":"A","npn":"x","email":"a","parentProducerId":"prd_1","firmOrgId":"org_1","metadata":{"":""}}`,
			`email email, firmOrgId id, metadata minLength, npn pattern, parentProducerId id, type enum`},
		{"producer, changed", "ada", "PATCH", "/v1/producers/prd" + someID, `{"legalName":"","parentProducerId":"prd_1","firmOrgId":"org_1"}`, `firmOrgId id, legalName minLength, parentProducerId id`},
		{"license", "ada", "POST", "/v1/producers/prd" + someID + "/licenses", `{"number":"1","type":"none","state":"XX","lines":["GL","GL"],"effectiveDate":"2026-01-02","expirationDate":"2026-01-02"}`,
			`expirationDate min, lines unique, state enum, type enum`},
		{"appointment", "ada", "POST", "/v1/producers/prd" + someID + "/appointments", `{"carrier":"","state":"XX","lines":["GL","GL"],"contractDate":"soon"}`,
			`carrier minLength, contractDate date, lines unique, state enum`},
		{"appointment, ended", "ada", "PATCH", "/v1/producers/prd" + someID + "/appointments/apt" + someID, `{"status":"terminated","on":"soon"}`, `on date, reason required`},
		{"profile", "ada", "POST", "/v1/authority/profiles", `{"name":" ","level":11,"maxLimit":-1,"authorizedLobs":[],"prohibitedStates":["ny"],"constraints":[{"name":"a","comparator":"like","value":1},{"name":"a","comparator":"at_most","value":1}]}`,
			`authorizedLobs minItems, constraints[0].comparator enum, constraints[1].name unique, level max, maxLimit min, name pattern, prohibitedStates[0] enum`},
		{"profile, changed", "ada", "PATCH", "/v1/authority/profiles/aup" + someID, `{"level":0,"authorizedLobs":[]}`, `authorizedLobs minItems, level min`},
		{"assignment", "ada", "POST", "/v1/authority/profiles/aup" + someID + "/assign", `{"userId":"me","until":"ever"}`, `until unknown, userId id`},
		{"delegation", "ada", "POST", "/v1/authority/delegations", `{"delegatorId":"me","delegateId":"usr_1","from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z","for":"x"}`,
			`delegateId id, delegatorId id, for unknown, until min`},
		{"delegation to himself", "ada", "POST", "/v1/authority/delegations", `{"delegateId":"` + c.id("ada") + `","from":"2026-01-02T00:00:00Z","until":"2028-01-01T00:00:00Z"}`, `delegateId different, from min, until max`},
		{"rules", "ada", "PUT", "/v1/referral-rules", `{"fourEyesAbove":-1,"decideWithinMinutes":0,"answerWithinMinutes":1,"expiresAfterDays":367,"calendar":{"timeZone":"Mars","opens":"17:00","closes":"09:00","workdays":["mon","mon"],"holidays":["soon"]}}`,
			`calendar.closes min, calendar.holidays[0] date, calendar.timeZone timezone, calendar.workdays[1] unique, decideWithinMinutes min, expiresAfterDays max, fourEyesAbove min`},
		{"referral", "una", "POST", "/v1/referrals", `{"entityType":"quote","entityId":"sub` + someID + `","reason":"mood","rationale":" ","dealRoomId":"here","issue":{"name":" ","comparator":"like","value":"x"}}`,
			`dealRoomId id, entityId id, issue.comparator enum, issue.name pattern, issue.value type, rationale required, reason enum`},
		{"decision", "una", "POST", "/v1/referrals/ref" + someID + "/decision", `{"decision":"reject","rationale":" ","questions":[""],"conditions":[{"kind":"later","action":" "}],"offsetPercent":101,"validUntil":"soon","allowEdit":true}`,
			`allowEdit unexpected, conditions unexpected, conditions[0].action required, conditions[0].kind enum, offsetPercent max, offsetPercent unexpected, questions unexpected, questions[0] minLength, rationale required, validUntil datetime, validUntil unexpected`},
		{"counter refused", "una", "POST", "/v1/referrals/ref" + someID + "/answer-counter", `{"accept":false,"colour":"red"}`, `colour unknown, rationale required`},
		{"condition", "una", "POST", "/v1/referrals/ref" + someID + "/conditions/cnd" + someID, `{"action":"reject","colour":"red"}`, `colour unknown, note required`},
		{"list", "una", "GET", "/v1/submissions?foo=1&limit=many&producerId=x&effectiveFrom=soon&status=open&bar=", "", `bar unknown, effectiveFrom date, foo unknown, limit type, producerId id, status enum`},
		{"preview", "una", "POST", sub + "/quote?preview=maybe&foo=1", `{"requestedLimit":0.001}`, `foo unknown, preview type, requestedLimit min`},
		{"no body", "una", "POST", sub + "/claim?foo=1", `{"who":"me"}`, `body unexpected, foo unknown`},
		{"test clock", "ada", "POST", "/v1/test-clock", `{"advance":"a while","now":"later"}`, `advance format, now datetime, now unexpected`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, got, _ := c.as(tt.who, tt.method, tt.path, tt.body)
			if status != 400 || got["error"] != "validation_failed" {
				t.Fatalf("%d %v", status, got)
			}
			want := strings.Split(strings.Join(strings.Fields(tt.want), " "), ", ")
			if all := wrongs(got); !slices.Equal(all, want) {
				t.Errorf("got  %s\nwant %s", strings.Join(all, ", "), strings.Join(want, ", "))
			}
		})
	}
	if after := rowsOf(t, c); !maps.Equal(before, after) {
		t.Errorf("rows of each table before %v, after %v", before, after)
	}
}

// wrongs is what an answer says is wrong, in order.
func wrongs(answer map[string]any) []string {
	details, _ := answer["details"].(map[string]any)
	list, several := details["errors"].([]any)
	if !several {
		list = []any{details}
	}
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%v %v", e.(map[string]any)["field"], e.(map[string]any)["rule"]))
	}
	slices.Sort(out)
	return out
}

// rowsOf counts the rows of every table but that of requests.
func rowsOf(t *testing.T, c *cast) map[string]int {
	t.Helper()
	raw := storetest.Value[string](t, c.db, `SELECT json_object_agg(relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', relname), false, true, '')))[1]::text::int)
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'request'`)
	var out map[string]int
	if err := json.Unmarshal([]byte(raw), &out); err != nil || out["submission"] != 1 {
		t.Fatal(raw, err)
	}
	return out
}

// checkedTexts are the texts that their own rule refuses when they are blank, or
// that name something that has to be found.
var checkedTexts = []string{
	"action", "code", "exclusions", "link", "note", "policyNumber", "questions", "rationale", "refreshToken", "text", "timezone", "title", "url",
}

// A name that is required is no name when it is blank.
func TestEveryRequiredNameHasALetter(t *testing.T) {
	raw, err := os.ReadFile("testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	type property struct {
		Pattern, Format string
		MinLength       int
		Items           *property
	}
	var doc struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]property }
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for schema, s := range doc.Components.Schemas {
		for name, p := range s.Properties {
			if p.Items != nil {
				p = *p.Items
			}
			if p.MinLength != 1 {
				continue
			}
			seen++
			if p.Pattern == "" && p.Format == "" && !strings.HasSuffix(name, "Id") && !slices.Contains(checkedTexts, name) {
				t.Errorf("%s.%s may be blank", schema, name)
			}
		}
	}
	if seen < 40 {
		t.Errorf("%d names", seen)
	}
}

// TestBlankNames sends names, numbers and codes of nothing but blanks.
func TestBlankNames(t *testing.T) {
	w := newWorld(t)
	ada, una := w.token(w.ada), w.token(w.una)
	for _, tt := range []struct{ who, method, path, body, want string }{
		{una, "POST", "/v1/submissions", strings.NewReplacer("Pacific Coast Builders", "   ", "ext-1", " ").Replace(goodSubmission), "externalId pattern, insuredName pattern"},
		{una, "POST", "/v1/submissions", strings.Replace(goodSubmission, "{", `{"insured":{"name":" "},`, 1), "insured.name pattern"},
		{una, "POST", "/v1/submissions/drafts", `{"insuredName":"  ","lineOfBusiness":"GL"}`, "insuredName pattern"},
		{una, "PATCH", "/v1/submissions/sub" + someID, `{"insuredName":"  "}`, "insuredName pattern"},
		{ada, "POST", "/v1/carriers", `{"name":"   "}`, "name pattern"},
		{ada, "PATCH", "/v1/carriers/car" + someID, `{"name":"   ","email":"nobody"}`, "email email, name pattern"},
		{ada, "POST", "/v1/producers", `{"type":"agency","legalName":" ","npn":"66","email":"a@b.example"}`, "legalName pattern"},
		{ada, "POST", "/v1/producers/prd" + someID + "/licenses", `{"number":" ","type":"property_casualty","state":"OR","effectiveDate":"2026-01-01","expirationDate":"2027-01-01"}`, "number pattern"},
		{ada, "POST", "/v1/programs", `{"name":" ","lineOfBusiness":"WC","maxLimit":1,"autoBindThreshold":1,"referAbove":2,"declineAbove":3}`, "name pattern"},
		{ada, "POST", "/v1/programs", `{"name":"","lineOfBusiness":"WC","maxLimit":1,"autoBindThreshold":1,"referAbove":2,"declineAbove":3}`, "name minLength"},
	} {
		got := wrongs(w.must(400, tt.who, tt.method, tt.path, tt.body))
		slices.Sort(got)
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.method, tt.path, tt.body, s, tt.want)
		}
	}
}

// TestDaysBeyondAllBusiness sends days that nobody can mean, and spans that end
// before they begin.
func TestDaysBeyondAllBusiness(t *testing.T) {
	c := newCast(t)
	sub := "/v1/submissions/" + c.submission()
	rates := `{"programId":"` + c.generalLiability() + `","effectiveDate":"%s","book":` + exampleGL + `}`
	firm := c.want(201, "una", "POST", "/v1/producers", `{"type":"agency","legalName":"Harbor Brokers","npn":"66","email":"a@b.example"}`)["id"].(string)
	for _, tt := range []struct{ who, method, path, body, min, max string }{
		{"una", "POST", "/v1/submissions", strings.NewReplacer("2026-05-01", "%s", "ext-1", "ext-2").Replace(goodSubmission), "effectiveDate min", "effectiveDate max"},
		{"una", "PATCH", sub, `{"effectiveDate":"%s"}`, "effectiveDate min", "effectiveDate max"},
		{"ada", "POST", "/v1/rate-tables", rates, "effectiveDate min", "effectiveDate max"},
		{"una", "POST", "/v1/producers/" + firm + "/appointments", `{"carrier":"Summit","state":"OR","contractDate":"%s"}`, "contractDate min", "contractDate max"},
	} {
		for day, want := range map[string]string{"1900-01-01": tt.min, "2199-01-01": tt.max} {
			if got := strings.Join(wrongs(c.want(400, tt.who, tt.method, tt.path, fmt.Sprintf(tt.body, day))), ", "); got != want {
				t.Errorf("%s %s of %s: %s, want %s", tt.method, tt.path, day, got, want)
			}
		}
	}
	draft := c.want(201, "una", "POST", "/v1/submissions/drafts", strings.NewReplacer("2026-05-01", "2199-01-01", "ext-1", "ext-3").Replace(goodSubmission))["id"].(string)
	if got := strings.Join(wrongs(c.want(400, "una", "POST", "/v1/submissions/"+draft+"/submit", "")), ", "); got != "effectiveDate max" {
		t.Errorf("a draft: %s", got)
	}
	for query, want := range map[string]string{
		"submissions?effectiveFrom=2026-05-02&effectiveTo=2026-05-01&createdFrom=2026-05-02&createdTo=2026-05-01": "createdTo min, effectiveTo min",
		"policies?effectiveFrom=2026-05-02&effectiveTo=2026-05-01":                                                "effectiveTo min",
	} {
		if got := strings.Join(wrongs(c.want(400, "una", "GET", "/v1/"+query, "")), ", "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	c.want(200, "una", "GET", "/v1/submissions?effectiveFrom=2026-05-01&effectiveTo=2026-05-01&createdFrom=2026-05-01", "")
}

// What an object says twice the schema would see once, and the input be made of
// both.
func TestNothingIsSaidTwice(t *testing.T) {
	c := newCast(t)
	whole := strings.TrimSuffix(goodSubmission, "}")
	for more, field := range map[string]string{
		`,"employees":-5,"employees":null}`:                                                 "employees",
		`,"insured":{"email":"no mail"},"insured":{"name":"x"}}`:                            "insured",
		`,"insured":{"name":"a","n\u0061me":"b"}}`:                                          "insured.name",
		`,"lossHistory":[{"year":2025,"claims":0,"incurred":0},{"year":2024,"year":2023}]}`: "lossHistory[1].year",
	} {
		got := c.want(400, "una", "POST", "/v1/submissions", whole+more)
		if all := strings.Join(wrongs(got), ", "); all != field+" unique" {
			t.Errorf("%s: %s", more, all)
		}
	}
	c.want(201, "una", "POST", "/v1/submissions", whole+`,"lossHistory":[{"year":2025,"claims":0,"incurred":0},{"year":2024,"claims":0,"incurred":0}]}`)
}

// However much is wrong with a request, an answer lists so much and no more, and
// takes no time to speak of.
func TestManyFaults(t *testing.T) {
	c := newCast(t)
	var many []string
	for i := range 50_000 {
		many = append(many, fmt.Sprintf(`"a%05d":0`, i))
	}
	got := c.want(400, "una", "POST", "/v1/submissions", "{"+strings.Join(many, ",")+"}")
	all := wrongs(got)
	if len(all) != mostFaults || got["details"].(map[string]any)["more"] != true || !slices.Contains(all, "a00000 unknown") || !slices.Contains(all, "state required") {
		t.Errorf("%d: %s", len(all), all)
	}
	got = c.want(400, "una", "GET", "/v1/submissions?"+strings.ReplaceAll(strings.Join(many[:5000], "&"), `"`, ""), "")
	if all := wrongs(got); len(all) != mostFaults {
		t.Errorf("%d: %s", len(all), all)
	}
	for _, body := range []string{"null", " null ", ""} {
		if all := wrongs(c.want(400, "una", "POST", "/v1/submissions", body)); !slices.Equal(all, []string{"body required"}) {
			t.Errorf("%q: %s", body, all)
		}
	}
	s := "/v1/submissions/" + c.submission()
	if all := wrongs(c.want(400, "una", "PATCH", s, "null")); !slices.Equal(all, []string{"body required"}) {
		t.Errorf("%s", all)
	}
	c.want(200, "una", "POST", s+"/claim", " { } ")
}

// Null says that there is to be nothing. Where the document does not say that it
// may be null, a field is refused with it, and not taken for one that was left out.
func TestNullIsNoAbsence(t *testing.T) {
	c := newCast(t)
	sub := "/v1/submissions/" + c.submission()
	whole := strings.TrimSuffix(goodSubmission, "}") + ",%s}"
	for _, tt := range []struct{ who, method, path, body, want string }{
		{"una", "PATCH", sub, `{"deductible":null}`, "deductible type"},
		{"una", "PATCH", sub, `{"metadata":null,"employees":-1,"unset":null}`, "employees min, metadata type, unset type"},
		{"una", "PATCH", sub, `{"metadata":{"k":null}}`, "metadata.k type"},
		{"una", "PATCH", sub, `{"lossHistory":[{"year":2025,"claims":0,"incurred":0,"premium":null},null]}`, "lossHistory[0].premium type, lossHistory[1] type"},
		{"una", "PATCH", sub, `{"insured":{"name":null}}`, "insured.name type"},
		{"ada", "PATCH", "/v1/producers/prd" + someID, `{"parentProducerId":null,"email":null}`, "email type, parentProducerId type"},
		{"ada", "PATCH", "/v1/carriers/car" + someID, `{"naicNumber":null,"bordereauConfig":{"reportingLag":null}}`, "bordereauConfig.reportingLag type, naicNumber type"},
		{"ada", "PATCH", "/v1/authority/profiles/aup" + someID, `{"maxPremium":null}`, "maxPremium type"},
		{"ada", "PATCH", "/v1/da-agreements/daa" + someID, `{"maxTiv":null}`, "maxTiv type"},
		{"una", "POST", "/v1/submissions", fmt.Sprintf(whole, `"deductible":null,"lossHistory":null,"insured":null`), "deductible type, insured type, lossHistory type"},
		{"una", "POST", "/v1/submissions", `{"insuredName":null}`, "annualRevenue required, effectiveDate required, insuredName type, lineOfBusiness required, naicsCode required, requestedLimit required, state required"},
		{"una", "POST", sub + "/quote", `{"schedule":null}`, "schedule type"},
	} {
		if got := strings.Join(wrongs(c.want(400, tt.who, tt.method, tt.path, tt.body)), ", "); got != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.method, tt.path, tt.body, got, tt.want)
		}
	}
	// The reference has a key that never expires.
	c.want(201, "ada", "POST", "/v1/api-keys", `{"name":"k","scopes":["policies:read"],"expiresAt":null}`)
	c.want(400, "ada", "POST", "/v1/api-keys", `{"name":"k","scopes":["policies:read"],"tier":null}`)
}
