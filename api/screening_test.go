package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/store/storetest"
)

// Names of insureds, by what the sample list says of them.
const (
	likeInsured = "Viktor Zelezny Morosenco"
	onTheList   = "Victor Morozenko"
)

// named is a submission of an insured, as una reads it.
func (c *cast) named(insured string) map[string]any {
	c.t.Helper()
	return c.want(201, "una", "POST", "/v1/submissions", strings.NewReplacer(`,"externalId":"ext-1"`, "", "Pacific Coast Builders", insured).Replace(goodSubmission))
}

// hireCompliance adds olga, who is a compliance officer.
func (c *cast) hireCompliance() {
	c.t.Helper()
	c.actors["olga"] = storetest.User(c.t, c.db, c.una, "olga", access.RoleCompliance)
	c.bearers["olga"] = c.token(c.actors["olga"])
}

func TestInsuredIsScreened(t *testing.T) {
	c := newCast(t)
	c.hireCompliance()
	if got := c.named("Acme"); got["sanctionsReview"] != nil || got["screening"] != nil {
		t.Errorf("like nobody: %v", got)
	}
	made := c.named(likeInsured)
	found, _ := made["screening"].(map[string]any)
	if made["status"] != "received" || made["sanctionsReview"] != "pending" || found["decision"] != "review" || fmt.Sprint(found["names"]) != "["+likeInsured+"]" ||
		found["matches"].([]any)[0].(map[string]any)["entryId"] != "SAMPLE-1" {
		t.Errorf("like somebody: %v", made)
	}
	s := "/v1/submissions/" + made["id"].(string)
	move := ""
	offer := func() {
		t.Helper()
		q := c.want(201, "una", "POST", s+"/quote", "")
		if q["decision"] != "quoted" {
			t.Errorf("quoted: %v", q)
		}
		move = "/v1/quotes/" + q["id"].(string)
		if got := c.want(200, "una", "POST", move+"/offer", ""); got["status"] != "offered" {
			t.Errorf("offered: %v", got)
		}
	}
	refused := func(path, body, want string) {
		t.Helper()
		got := c.want(422, "una", "POST", path, body)
		if d := got["details"].(map[string]any); got["error"] != "not_bindable" || fmt.Sprint(d["blockers"]) != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
	blockers := func(want string) { t.Helper(); refused(s+"/bind", `{"installmentPlan":"PIF"}`, want) }
	offer()
	blockers("[sanctions_review]")
	review := s + "/sanctions-review"
	const clear = `{"decision":"clear","rationale":"Born in 1990."}`
	for _, who := range []string{"una", "abe", "vic", "key"} {
		c.want(403, who, "POST", review, clear)
	}
	c.want(404, "ben", "POST", review, clear)
	if m := c.want(400, "olga", "POST", review, `{"decision":"maybe","rationale":""}`); len(m["details"].(map[string]any)["errors"].([]any)) != 2 {
		t.Errorf("two that are wrong: %v", m)
	}
	c.want(412, "olga", "POST", review, clear, "If-Match", `"77"`)
	got := c.want(200, "olga", "POST", review, clear)
	if r := got["screening"].(map[string]any)["reviewed"].(map[string]any); got["sanctionsReview"] != "cleared" || r["by"] != c.id("olga") || r["rationale"] != "Born in 1990." {
		t.Errorf("cleared: %v", got)
	}
	if m := c.want(422, "ada", "POST", review, clear); m["error"] != "no_review_pending" {
		t.Errorf("again: %v", m)
	}
	// Another correction leaves it cleared; another name is looked at anew.
	if got := c.want(200, "una", "PATCH", s, `{"metadata":{"a":"b"}}`); got["sanctionsReview"] != "cleared" {
		t.Errorf("corrected: %v", got["sanctionsReview"])
	}
	if got := c.want(200, "una", "PATCH", s, `{"insured":{"name":"Viktor Zelesny Morosenko"}}`); got["sanctionsReview"] != "pending" {
		t.Errorf("another name: %v", got["sanctionsReview"])
	}
	offer() // what there was, was for another insured
	blockers("[sanctions_review]")
	if got := c.want(200, "ada", "POST", review, `{"decision":"block","rationale":"It is him."}`); got["sanctionsReview"] != "blocked" {
		t.Errorf("blocked: %v", got["sanctionsReview"])
	}
	blockers("[sanctions_match]")
	refused(move+"/accept", "", "[sanctions_match]")
	if m := c.want(403, "una", "POST", s+"/quote", ""); m["error"] != "sanctions_match" || strings.Contains(fmt.Sprint(m), "SAMPLE") {
		t.Errorf("quoted: %v", m)
	}
	if got := c.want(200, "una", "PATCH", s, `{"insuredName":"Acme","unset":["insured"]}`); got["sanctionsReview"] != "pending" {
		t.Errorf("who was blocked takes another name: %v", got["sanctionsReview"])
	}
	offer()
	blockers("[sanctions_review]")
	if got := c.want(200, "olga", "POST", review, `{"decision":"clear","rationale":"The name was mistyped."}`); got["sanctionsReview"] != "cleared" {
		t.Errorf("it was a mistake: %v", got["sanctionsReview"])
	}
	c.want(201, "una", "POST", s+"/bind", `{"installmentPlan":"PIF"}`)
	c.keeps(audit.InsuredScreened, audit.InsuredReviewed)
	if log := fmt.Sprint(rows(c.want(200, "ada", "GET", "/v1/audit?action=submission.screened", ""))); strings.Contains(log, "oro") || !strings.Contains(log, "SAMPLE-1") {
		t.Errorf("log: %s", log)
	}
	told := c.heard(c.actors["ada"], "org:"+c.una.Org.String()+":admin")
	n := 0
	for _, e := range told {
		if e == "compliance.sanctions_review" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("told %d times: %v", n, told)
	}
}

func TestListedInsured(t *testing.T) {
	c := newCast(t)
	made := c.named(onTheList)
	if made["status"] != "received" || made["sanctionsReview"] != "blocked" || made["screening"].(map[string]any)["decision"] != "block" {
		t.Errorf("received: %v", made)
	}
	s := "/v1/submissions/" + made["id"].(string)
	for _, path := range []string{"/quote", "/quote?preview=true"} {
		if m := c.want(403, "una", "POST", s+path, ""); m["error"] != "sanctions_match" || strings.Contains(fmt.Sprint(m), "SAMPLE") {
			t.Errorf("%s: %v", path, m)
		}
	}
	ready := c.want(200, "una", "GET", s+"/quote-readiness", "")
	if ready["ready"] != false || !strings.Contains(fmt.Sprint(ready["blockers"]), "rule:sanctions_match") {
		t.Errorf("ready: %v", ready)
	}
	if m := c.want(422, "ada", "POST", s+"/sanctions-review", `{"decision":"clear","rationale":"x"}`); m["error"] != "no_review_pending" {
		t.Errorf("a match is nobody's to clear: %v", m)
	}
	like := c.named(likeInsured)["id"]
	for query, want := range map[string]any{"blocked": made["id"], "pending": like} {
		list := rows(c.want(200, "ada", "GET", "/v1/submissions?sanctionsReview="+query, ""))
		if len(list) != 1 || list[0].(map[string]any)["id"] != want {
			t.Errorf("%s: %v", query, list)
		}
	}
	c.want(400, "ada", "GET", "/v1/submissions?sanctionsReview=x", "")
	c.want(200, "una", "POST", s+"/decline", `{"reasons":["sanctions"],"rationale":"It is him."}`)
}

// Who brought a submission, and who is in its room, reads not a byte of what a
// sanctions list has to do with it, nor sees that anything happened.
func TestNobodyOutsideIsTipped(t *testing.T) {
	c := newCast(t)
	c.hireCompliance()
	c.bringer("vic", c.named("First")["id"].(string)) // so that every list has a next page
	type seen struct{ like, plain string }
	read := map[string]seen{}
	// brought is a submission of vic's and of its room, where ben is, and what to
	// keep all that they read by.
	brought := func(insured string, said map[string]string) (id, room string, all func(when string)) {
		t.Helper()
		id = c.named(insured)["id"].(string)
		c.bringer("vic", id)
		c.bringer("ben", id)
		s := "/v1/submissions/" + id
		room = at(c.want(201, "una", "POST", "/v1/deal-rooms", fmt.Sprintf(`{"submissionId":%q,"participants":[{"email":%q,"role":"broker"}]}`, id, c.email("ben"))))
		keep := func(who, what, path string) {
			t.Helper()
			_, body, header := c.raw(who, path)
			if body == "" {
				t.Errorf("%s reads nothing of %s", who, path)
			}
			said[what] = body + header.Get("ETag")
		}
		return id, room, func(when string) {
			t.Helper()
			keep("vic", when+", submission", s)
			keep("vic", when+", list", "/v1/submissions?limit=1")
			keep("vic", when+", quotes", s+"/quotes")
			keep("ben", when+", room", room)
			keep("ben", when+", deal", room+"/deal")
			keep("ben", when+", transcript", room+"/transcript")
			keep("ben", when+", messages", room+"/messages")
		}
	}
	offered := func(id string) string {
		t.Helper()
		q := c.want(201, "una", "POST", "/v1/submissions/"+id+"/quote", "")["id"].(string)
		c.want(200, "una", "POST", "/v1/quotes/"+q+"/offer", "")
		return q
	}
	block := func(id string) {
		t.Helper()
		c.want(200, "olga", "POST", "/v1/submissions/"+id+"/sanctions-review", `{"decision":"block","rationale":"It is him."}`)
	}
	tell := func(insured string) map[string]string {
		t.Helper()
		said := map[string]string{}
		id, _, all := brought(insured, said)
		s := "/v1/submissions/" + id
		all("received")
		q := offered(id)
		all("offered")
		c.want(200, "vic", "POST", "/v1/quotes/"+q+"/accept", "")
		if insured == likeInsured {
			block(id)
			c.want(403, "una", "POST", s+"/quote", "")
			c.want(422, "una", "POST", s+"/bind", `{"installmentPlan":"PIF"}`)
		}
		all("accepted")
		c.want(403, "vic", "GET", s+"/quote-readiness", "")
		if n := len(rows(c.want(200, "vic", "GET", "/v1/submissions?sanctionsReview=pending", ""))) + len(rows(c.want(200, "vic", "GET", "/v1/submissions?sanctionsReview=blocked", ""))); n != 0 {
			t.Errorf("he finds %d by it", n)
		}
		return said
	}
	// refused is what is read of a quote that something inside came in the way of
	// since it was offered: nothing comes for nil, nor is it accepted then.
	refused := func(insured string, inTheWay func(id string), read map[string]string) (answers []string) {
		t.Helper()
		id, room, all := brought(insured, read)
		q := offered(id)
		if inTheWay != nil {
			inTheWay(id)
			for who, path := range map[string]string{"ben": room + "/quotes/" + q + "/accept", "vic": "/v1/quotes/" + q + "/accept"} {
				status, body, header := c.bytes(who, "POST", path)
				if status != 422 || !strings.Contains(body, `"underwriter_needed"`) {
					t.Errorf("%s accepts: %d %s", who, status, body)
				}
				answers = append(answers, strings.Replace(body, header.Get("X-Request-Id"), "", 1)+header.Get("ETag"))
			}
		}
		all("refused")
		return answers
	}
	like, plain := tell(likeInsured), tell("Viktor Zelezny Somebody")
	answers := refused(likeInsured, block, like)
	answers = append(answers, refused("Viktor Zelezny Somebody", func(id string) { c.want(201, "una", "POST", "/v1/referrals", referralFor(id)) }, map[string]string{})...)
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("the refusals differ:\n%s\n%s", a, answers[0])
		}
	}
	refused("Viktor Zelezny Somebody", nil, plain)
	for what, body := range like {
		low := strings.ToLower(body)
		for _, word := range []string{"sanction", "screen", "sample", "zhelezny", "pending", "blocked", "compliance", "olga", "him."} {
			if strings.Contains(low, word) {
				t.Errorf("%s has %q: %s", what, word, body)
			}
		}
		read[what] = seen{like: body}
	}
	for what, body := range plain {
		read[what] = seen{read[what].like, body}
	}
	// With another name all is the same, to the fields and their number.
	for what, is := range read {
		if a, b := shape(is.like), shape(is.plain); a != b {
			t.Errorf("%s differs:\n%s\n%s", what, a, b)
		}
	}
}

// shape is an answer without the values that differ from thing to thing.
func shape(body string) string {
	var b strings.Builder
	for i, part := range strings.Split(body, `"`) {
		if i%2 == 1 && !strings.Contains(part, "_") && !strings.ContainsAny(part, "0123456789 ") {
			b.WriteString(part)
		}
		b.WriteByte(' ')
	}
	return b.String()
}
