package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// idFields are the fields and parameters that hold ids of ours, with the thing
// that they name. A name that ends in Id, and any text that is not in textFields,
// has to be here.
var idFields = map[string]string{
	"actor": "seat", "assignee": "seat", "object": "policy", "channel": "channel", "attachments[]": "file", "mentions[]": "seat", "replyTo": "message", "mutedRooms[]": "room",
	"dealRoomId": "room", "entityId": "submission", "fileId": "file", "policyId": "policy", "programId": "program", "quoteId": "open quote", "submissionId": "submission",
	"agreementId": "agreement", "carrierId": "carrier",
	"delegateId": "colleague", "delegatorId": "seat",
	"producerId": "producer", "parentProducerId": "producer", "firmOrgId": "org", "participants[].userId": "seat", "userId": "seat", "roomId": "room",
}

// textFields are the texts that name nothing of ours.
var textFields = []string{
	"agreementNumber", "authorizedStates[]", "excludedStates[]", "authorizedNaicsCodes[]", "excludedNaicsCodes[]", "referralTriggers[].description",
	"referralTriggers[].values[]",
	"advance", "after", "message", "answers[].text", "calendar.timeZone", "constraints[].name", "issue.name", "note", "appVersion", "carrier", "confirmationNumber", "dba", "legalName", "npn", "number", "on", "phone", "search", "ein", "body", "clientId", "code", "conditions[].action", "conditions[].consequence", "conditions[].evidence", "conditions[].responsibleParty",
	"counter.exclusions[]", "cursor", "description", "device", "email", "events[]", "externalId", "firm", "insured.address", "insured.name", "insured.phone",
	"insuredName", "link", "locale", "name", "orgId", "policyNumber", "q", "questions[]", "quietHours.timezone", "rationale", "reason", "refreshToken", "schedule.note", "scopes[]",
	"states[]", "book.excludedClasses[]", "book.limitFactors[].factor", "book.aggregateFactors[].factor", "book.deductibleCredits[].credit",
	"book.revenueBands[].factor", "book.claimFactors[].factor", "book.incurredFactors[].factor",
	"secret", "timezone", "title", "token", "type", "url",
}

// probes are calls that fill in the ids that calls leave out; they need not
// succeed. By the operation, and how.
var probes = map[string]call{
	"list-submissions":                 {query: "producerId={producer}"},
	"list-submissions, of one":         {query: "assignee={seat}"},
	"create-submission":                {body: `{"insuredName":"Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL","producerId":"{producer}"}`},
	"create-submission-draft":          {body: `{"insuredName":"Builders","lineOfBusiness":"GL","producerId":"{producer}"}`},
	"update-submission":                {body: `{"producerId":"{producer}"}`},
	"create-producer":                  {body: `{"type":"agency","legalName":"Harbor","npn":"{npn}","email":"a@b.example","parentProducerId":"{producer}","firmOrgId":"{org}"}`},
	"update-producer":                  {body: `{"parentProducerId":"{producer}","firmOrgId":"{org}"}`},
	"create-appointment, by carrier":   {body: `{"carrierId":"{carrier}","state":"OR"}`},
	"list-audit":                       {query: "actor={seat}&object={policy}"},
	"export-audit":                     {query: "actor={seat}&object={policy}"},
	"list-authority-assignments":       {query: "userId={seat}"},
	"list-events":                      {query: "channel={channel}"},
	"list-deal-rooms":                  {query: "submissionId={room submission}"},
	"list-annotations":                 {query: "fileId={file}"},
	"list-da-agreements":               {query: "carrierId={carrier}&programId={own program}"},
	"list-bordereaux":                  {query: "agreementId={reported agreement}&carrierId={reported carrier}"},
	"list-rate-tables":                 {query: "programId={program}"},
	"bind-submission, of a quote":      {ids: map[string]string{"id": "quoted submission"}, body: `{"installmentPlan":"PIF","quoteId":"{open quote}"}`},
	"list-invoices":                    {query: "policyId={policy}"},
	"list-referrals":                   {query: "entityId={submission}&entityType=submission&dealRoomId={room}"},
	"post-message":                     {body: `{"body":"Hello.","replyTo":"{message}","mentions":["{seat}"],"attachments":["{file}"]}`},
	"post-message, on the desk":        {body: `{"body":"Hello.","visibility":"internal","replyTo":"{message}","mentions":["{seat}"],"attachments":["{file}"]}`},
	"create-deal-room":                 {body: `{"submissionId":"{submission}","participants":[{"userId":"{seat}","role":"underwriter"}]}`},
	"update-deal-room":                 {body: `{"participants":[{"userId":"{seat}","role":"viewer"}]}`},
	"set-my-preferences":               {body: `{"mutedRooms":["{room}"]}`},
	"set-portal-preferences":           {body: `{"mutedRooms":["{room}"]}`},
	"create-referral, about a quote":   {body: `{"entityType":"quote","entityId":"{quote}","reason":"prior_losses","rationale":"Three losses."}`},
	"create-referral, about a policy":  {body: `{"entityType":"policy","entityId":"{policy}","reason":"prior_losses","rationale":"Three losses."}`},
	"add-deal-room-participant, by id": {body: `{"userId":"{outsider}","role":"broker"}`},
}

// ours is what an id looks like.
var ours = regexp.MustCompile(`[a-z]+_[0-9A-HJKMNP-TV-Z]{26}`)

// unknown is an id of the same kind that names nothing.
func unknown(id string) string {
	return ours.ReplaceAllStringFunc(id, func(id string) string {
		kind, _, _ := strings.Cut(id, "_")
		_, fresh, _ := strings.Cut(access.NewOrgID(time.Now()).String(), "_")
		return kind + "_" + fresh
	})
}

// texts are the fields and parameters of an operation that hold text of any
// form, by their names.
func (doc contract) texts(d described) (body, query []string) {
	var walk func(s schema, name string) []string
	walk = func(s schema, name string) []string {
		if s.Ref != "" {
			s = doc.Components.Schemas[strings.TrimPrefix(s.Ref, schemaPrefix)]
		}
		if s.Items != nil {
			return walk(*s.Items, name+"[]")
		}
		var found []string
		for n, p := range s.Properties {
			found = append(found, walk(p, join(name, n))...)
		}
		if strings.Contains(fmt.Sprint(s.Type), "string") && len(s.Enum) == 0 && s.Format == "" && s.Pattern == "" {
			found = append(found, name)
		}
		return found
	}
	for _, c := range d.RequestBody.Content {
		body = append(body, walk(c.Schema, "")...)
	}
	for _, p := range d.Parameters {
		if p.In == "query" {
			query = append(query, walk(p.Schema, p.Name)...)
		}
	}
	return body, query
}

// fills reports whether a JSON body has a thing's place in a field.
func fills(body, field string) bool {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return false
	}
	var walk func(v any, path []string) bool
	walk = func(v any, path []string) bool {
		if len(path) == 0 {
			s, ok := v.(string)
			return ok && placeholder.MatchString(s)
		}
		if path[0] == "[]" {
			items, _ := v.([]any)
			return len(items) > 0 && walk(items[0], path[1:])
		}
		m, _ := v.(map[string]any)
		return walk(m[path[0]], path[1:])
	}
	return walk(v, strings.Split(strings.ReplaceAll(field, "[]", ".[]"), "."))
}

// A census knows what the rows of everybody but one company are.
type census struct {
	t    *testing.T
	conn *pgx.Conn
	sql  string
}

func newCensus(t *testing.T, db *store.DB, but ...access.OrgID) *census {
	t.Helper()
	c := &census{t: t}
	var err error
	if c.conn, err = pgx.Connect(t.Context(), storetest.Address(db)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close(t.Context()) })
	orgs := []string{"'00000000-0000-0000-0000-000000000000'"}
	for _, o := range but {
		orgs = append(orgs, "'"+o.UUID()+"'")
	}
	rows, err := c.conn.Query(t.Context(), `SELECT c.table_name FROM information_schema.columns c JOIN pg_class p ON p.oid = format('%I', c.table_name)::regclass
		WHERE c.table_schema = current_schema() AND c.column_name = 'org_id' AND p.relkind IN ('r', 'p') AND NOT p.relispartition ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, name := range tables {
		parts = append(parts, fmt.Sprintf(`SELECT '%s', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM %s t WHERE org_id NOT IN (%s)`,
			name, pgx.Identifier{name}.Sanitize(), strings.Join(orgs, ", ")))
	}
	c.sql = strings.Join(parts, " UNION ALL ") + fmt.Sprintf(` UNION ALL SELECT 'org', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM org t WHERE id NOT IN (%s)`, strings.Join(orgs, ", "))
	return c
}

// take answers what each table holds, as a hash.
func (c *census) take() map[string]string {
	c.t.Helper()
	rows, err := c.conn.Query(c.t.Context(), c.sql) //nolint:rowserrcheck // ForEachRow returns it
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]string{}
	var name, hash string
	if _, err = pgx.ForEachRow(rows, []any{&name, &hash}, func() error { all[name] = hash; return nil }); err != nil {
		c.t.Fatal(err)
	}
	return all
}

// changed are the tables that are not what they were.
func (c *census) changed(before map[string]string) []string {
	c.t.Helper()
	var names []string
	for name, hash := range c.take() {
		if before[name] != hash {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// plain is an answer without what differs between any two: the ids that were
// asked for, and the request's.
func plain(b []byte, ids ...string) string {
	s := requestIDs.ReplaceAllString(string(b), "<request>")
	for _, id := range ids {
		s = strings.ReplaceAll(s, id, "<id>")
	}
	return s
}

var requestIDs = regexp.MustCompile(`req_[0-9A-HJKMNP-TV-Z]{26}`)

// strangers are the principals of another company who try the ids of this one.
var strangers = []string{"admin", "lead", "broker", "key", "system", "insured", "guest", "partner"}

// TestForeignIDs puts the id of another company's thing in place of each id that
// an operation takes, in its path, its query and its body: the answer is the one
// for an id that was never there, whatever the caller may do at home, and
// nothing of the other company changes.
func TestForeignIDs(t *testing.T) {
	s := newScene(t)
	all, doc := s.operations()
	others := newCensus(t, s.db, s.away.org, s.away.actors["partner"].Org)
	tried := 0
	for _, d := range all {
		ks := callsOf(d)
		checkFilled(t, doc, d, ks)
		for way, k := range ks {
			spots, theirs := d.spots(k), map[string][]string{}
			if len(spots) == 0 {
				continue
			}
			for _, who := range strangers {
				theirs[who] = s.home.thingsOf(d, k, who)
			}
			before := others.take()
			for i, sp := range spots {
				for _, who := range strangers {
					if !ours.MatchString(theirs[who][i]) || strings.Contains(k.body, "{"+sp.name+"}@") {
						continue // no id: an address, a code
					}
					tried++
					s.stranger(d, k, who, fmt.Sprintf("%s, %s as %s", way, sp.name, who), i, theirs[who][i], sp.inPath)
				}
			}
			if names := others.changed(before); len(names) > 0 {
				t.Errorf("%s: something was changed in %v of others", way, names)
			}
		}
	}
	t.Logf("%d ids tried", tried)
}

// stranger makes one call with a foreign id and one with an unknown one.
func (s *scene) stranger(d described, k call, who, what string, i int, foreign string, inPath bool) {
	s.t.Helper()
	headers := k.header
	if k.page {
		headers = s.ofPage()
	}
	type answer struct {
		status int
		body   string
	}
	things := s.away.thingsOf(d, k, who)
	ask := func(id string) answer {
		with := slices.Clone(things)
		with[i] = id
		path, body := d.build(k, with)
		status, b := s.away.send(s.away.with(who, d.Scope), d.Method, path, body, headers...)
		return answer{status, plain(b, id)}
	}
	nothing := ask(unknown(foreign))
	got := ask(foreign)
	if got != nothing {
		s.t.Errorf("%s: %d %s\nfor an unknown id: %d %s", what, got.status, got.body, nothing.status, nothing.body)
	}
	changes := d.Method != "GET" && got.status < 300
	if inPath && got.status < 400 || changes && d.Security != nil && anyID[d.ID] == "" {
		s.t.Errorf("%s: %d", what, got.status)
	}
	if changes {
		clear(s.away.things)
	}
}

// anyID are the operations that take ids of anything, with what that means.
var anyID = map[string]string{
	"set-my-preferences":     "a room may be muted that is none, and is heard by nobody",
	"set-portal-preferences": "a room may be muted that is none, and is heard by nobody",
}

// checkFilled complains of texts that nobody has said whether they are ids, and
// of ids that no call fills in.
func checkFilled(t *testing.T, doc contract, d described, ks map[string]call) {
	t.Helper()
	body, query := doc.texts(d)
	check := func(names []string, filled func(call, string) bool) {
		for _, name := range names {
			thing, is := idFields[name]
			switch {
			case !is && !slices.Contains(textFields, name):
				t.Errorf("%s: is %s an id of ours? Add it to idFields or textFields in foreign_test.go", d.ID, name)
			case is:
				some := false
				for _, k := range ks {
					some = some || filled(k, name)
				}
				if !some {
					t.Errorf("%s: no call fills in %s: add one to probes in foreign_test.go, with {%s} there", d.ID, name, thing)
				}
			}
		}
	}
	check(body, func(k call, name string) bool { return fills(k.body, name) })
	check(query, func(k call, name string) bool { return strings.Contains("&"+k.query, "&"+name+"={") })
}
