package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/deal"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A dealt is a room in which a deal is worked, with its people as newCast seats
// them.
type dealt struct {
	*cast
	room, sub, at string
}

func newDealt(t *testing.T) *dealt { return newCast(t).deal() }

// deal opens one more room.
func (c *cast) deal() *dealt {
	r := c.room()
	return &dealt{c, r["id"].(string), r["submissionId"].(string), at(r)}
}

// stands is the deal as somebody reads it, and its ETag.
func (d *dealt) stands(who string) (map[string]any, string) {
	d.t.Helper()
	got, m, h := d.as(who, "GET", d.at+"/deal", "")
	if got != 200 || h.Get("ETag") == "" {
		d.t.Fatalf("%s reads %d %v, ETag %q", who, got, m, h.Get("ETag"))
	}
	return m, h.Get("ETag")
}

// offered quotes the room's submission, and offers the quote.
func (d *dealt) offered(more string) string {
	d.t.Helper()
	id := d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", more)["id"].(string)
	d.want(200, "una", "POST", "/v1/quotes/"+id+"/offer", "")
	return id
}

// referred is a referral that the room is told of, as uri answers it.
func (d *dealt) referred(decision string) string {
	d.t.Helper()
	id := d.want(201, "una", "POST", "/v1/referrals", strings.Replace(referralFor(d.sub), "{", `{"dealRoomId":"`+d.room+`",`, 1))["id"].(string)
	d.want(200, "uri", "POST", "/v1/referrals/"+id+"/decision", decision)
	return id
}

// only is the one thing in a list of a deal.
func only(t *testing.T, m map[string]any, list string) map[string]any {
	t.Helper()
	all, _ := m[list].([]any)
	if len(all) != 1 {
		t.Fatalf("%d %s, want one: %v", len(all), list, m)
	}
	return all[0].(map[string]any)
}

func TestABrokerAcceptsFromTheRoom(t *testing.T) {
	d := newDealt(t)
	if m, _ := d.stands("ben"); m["status"] != "in_review" || len(m["quotes"].([]any)) != 0 || len(m["referrals"].([]any)) != 0 || m["roomId"] != d.room || m["submissionId"] != d.sub {
		t.Errorf("at first %v", m)
	}
	one := d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", `{"deductible":5000}`)["id"].(string)
	m, before := d.stands("ben")
	q := only(t, m, "quotes")
	if m["status"] != "quoted" || q["id"] != one || q["status"] != "quoted" || q["grossPremium"] != 13252.5 || q["terms"].(map[string]any)["deductible"] != 5000.0 ||
		q["expiresAt"] == nil || len(q["schedule"].(map[string]any)["MONTHLY_10"].([]any)) != 9 {
		t.Errorf("quoted %v", m)
	}
	accept := func(id string) string { return d.at + "/quotes/" + id + "/accept" }
	if m := d.want(422, "ben", "POST", accept(one), ""); m["error"] != "quote_state" || m["details"].(map[string]any)["status"] != "quoted" {
		t.Errorf("not offered: %v", m)
	}
	d.want(200, "una", "POST", "/v1/quotes/"+one+"/offer", "")
	if m := d.want(412, "ben", "POST", accept(one), "", "If-Match", before); m["error"] != "stale_version" {
		t.Errorf("as it was before the offer: %v", m)
	}
	_, now := d.stands("ben")
	if _, una := d.stands("una"); una != now || now == before {
		t.Errorf("ETags %s, %s, before %s", now, una, before)
	}
	// Of the same room only.
	other := d.deal()
	for _, id := range []string{other.offered(""), unknown(one), "quo_1", "sub_1"} {
		if m := d.want(404, "ben", "POST", accept(id), ""); m["error"] != "not_found" {
			t.Errorf("%s: %v", id, m)
		}
	}
	got, m, h := d.as("ben", "POST", accept(one), "", "If-Match", now, "Idempotency-Key", "k1")
	if q := only(t, m, "quotes"); got != 200 || q["status"] != "accepted" || q["acceptedAt"] == nil || h.Get("ETag") == now {
		t.Fatalf("accepted %d %v, ETag %q", got, m, h.Get("ETag"))
	}
	if m, tag := d.stands("ben"); tag != h.Get("ETag") || only(t, m, "quotes")["status"] != "accepted" {
		t.Errorf("after it %v, ETag %s", m, tag)
	}
	// Sent again it is answered again, and nothing happens twice.
	again, m2, h2 := d.as("ben", "POST", accept(one), "", "If-Match", now, "Idempotency-Key", "k1")
	if again != 200 || h2.Get("Idempotent-Replayed") != "true" || fmt.Sprint(m2) != fmt.Sprint(m) {
		t.Errorf("again %d %v", again, m2)
	}
	if m := d.want(422, "ben", "POST", accept(one), ""); m["error"] != "quote_state" || m["details"].(map[string]any)["acceptedQuoteId"] != one {
		t.Errorf("twice: %v", m)
	}
	if q := d.want(200, "una", "GET", "/v1/quotes/"+one, ""); q["status"] != "accepted" {
		t.Errorf("inside %v", q["status"])
	}
	// It was he who did it, in both companies' logs, and in the room.
	for _, who := range []string{"ada", "mel"} {
		r := rows(d.want(200, who, "GET", "/v1/audit?action=quote.accepted", ""))
		if len(r) != 1 || r[0].(map[string]any)["actor"].(map[string]any)["id"] != d.id("ben") || r[0].(map[string]any)["objectId"] != one {
			t.Errorf("%s reads in the log %v", who, r)
		}
	}
	cards := storetest.Value[int](t, d.db, `SELECT count(*)::int FROM entry e JOIN channel c ON c.id = e.channel_id
		WHERE c.name = $1 AND convert_from(e.payload, 'UTF8') LIKE '%"quote.accepted"%' || $2 || '%'`, "room:"+d.room, one)
	if cards != 1 {
		t.Errorf("%d cards", cards)
	}
}

// Everything else that a broker does himself.
func TestABrokerAnswersFromTheRoom(t *testing.T) {
	d := newDealt(t)
	of := func(id string) string { return d.at + "/referrals/" + id }
	asked := d.referred(`{"decision":"request_more_info","rationale":"I do not trust him","questions":["Are both closed?","Since when?"]}`)
	m, tag := d.stands("ben")
	r := only(t, m, "referrals")
	if r["id"] != asked || r["status"] != "info_requested" || fmt.Sprint(r["questions"]) != "[map[number:1 text:Are both closed?] map[number:2 text:Since when?]]" || m["status"] != "in_review" {
		t.Errorf("asked %v", m)
	}
	if m := d.want(400, "ben", "POST", of(asked)+"/respond", `{"answers":[{"question":1,"text":"Yes."},{"question":3,"text":"No."}]}`); fieldsOfProblem(m) != "answers[1].question enum, answers required" {
		t.Errorf("one is missing, one too many: %v", m)
	}
	if r := only(t, d.want(200, "ben", "POST", of(asked)+"/respond", `{"answers":[{"question":1,"text":"Yes."},{"question":2,"text":"May."}]}`, "If-Match", tag), "referrals"); r["status"] != "in_review" || len(r["questions"].([]any)) != 0 {
		t.Errorf("answered %v", r)
	}
	inside := d.want(200, "uri", "GET", "/v1/referrals/"+asked, "")
	if a := inside["infoRequests"].([]any)[0].(map[string]any)["questions"].([]any)[1].(map[string]any)["answer"].(map[string]any); a["text"] != "May." || a["answeredBy"] != d.id("ben") {
		t.Errorf("inside %v", a)
	}
	d.want(412, "ben", "POST", of(asked)+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`, "If-Match", tag)
	d.want(200, "uri", "POST", "/v1/referrals/"+asked+"/decision", `{"decision":"approve","rationale":"good","conditions":[
		{"action":"Inspect the roof.","dueAt":"2199-01-01T00:00:00Z","evidence":"Signed.","consequence":"Notice."},{"kind":"post_bind","action":"Report."}]}`)
	m, _ = d.stands("ben")
	r = only(t, m, "referrals")
	roof := r["conditions"].([]any)[0].(map[string]any)
	if r["outcome"] != "approved_with_conditions" || roof["action"] != "Inspect the roof." || roof["dueAt"] != "2199-01-01T00:00:00Z" || roof["status"] != "open" || roof["kind"] != "pre_bind" {
		t.Errorf("approved %v", m)
	}
	submit := of(asked) + "/conditions/" + roof["id"].(string) + "/submit"
	d.want(404, "ben", "POST", of(asked)+"/conditions/"+unknown(roof["id"].(string))+"/submit", `{"note":"Done."}`)
	if r := only(t, d.want(200, "ben", "POST", submit, `{"note":"Done."}`), "referrals"); r["conditions"].([]any)[0].(map[string]any)["status"] != "submitted" {
		t.Errorf("submitted %v", r)
	}
	if m := d.want(422, "ben", "POST", submit, `{"note":"Done."}`); m["error"] != "condition_state" || m["details"].(map[string]any)["status"] != "submitted" {
		t.Errorf("twice %v", m)
	}
	d.want(200, "uri", "POST", "/v1/referrals/"+asked+"/conditions/"+roof["id"].(string), `{"action":"accept"}`)

	countered := d.referred(`{"decision":"approve","rationale":"secret","counter":{"limit":500000,"exclusions":["Roofing"]},"validUntil":"` + nextWeek + `"}`)
	m, _ = d.stands("ben")
	r = m["referrals"].([]any)[1].(map[string]any)
	if c, _ := r["counter"].(map[string]any); r["id"] != countered || c["limit"] != 500000.0 || fmt.Sprint(c["exclusions"]) != "[Roofing]" || c["validUntil"] == nil {
		t.Errorf("countered %v", r)
	}
	if m := d.want(400, "ben", "POST", of(countered)+"/counter", `{"accept":false}`); fieldsOfProblem(m) != "rationale required" {
		t.Errorf("refused without a reason: %v", m)
	}
	m = d.want(200, "ben", "POST", of(countered)+"/counter", `{"accept":false,"rationale":"Too little."}`)
	if r := m["referrals"].([]any)[1].(map[string]any); r["status"] != "in_review" || r["counter"] != nil {
		t.Errorf("refused %v", r)
	}
	if m := d.want(422, "ben", "POST", of(countered)+"/counter", `{"accept":true}`); m["error"] != "counter_state" || m["details"].(map[string]any)["status"] != nil {
		t.Errorf("there is none: %v", m)
	}
	d.want(200, "uri", "POST", "/v1/referrals/"+countered+"/decision", `{"decision":"approve","rationale":"secret","counter":{"exclusions":["Roofing"]}}`)
	if m := d.want(200, "ben", "POST", of(countered)+"/counter", `{"accept":true}`); m["referrals"].([]any)[1].(map[string]any)["counter"] != nil {
		t.Errorf("taken %v", m)
	}
	if r := d.want(200, "uri", "GET", "/v1/referrals/"+countered, ""); r["decision"].(map[string]any)["counterAccepted"] != true {
		t.Errorf("inside %v", r)
	}

	if m := d.want(400, "ben", "POST", d.at+"/withdraw", `{"reason":"other"}`); fieldsOfProblem(m) != "message required" {
		t.Errorf("other without words: %v", m)
	}
	if m := d.want(200, "ben", "POST", d.at+"/withdraw", `{"reason":"price","message":"We found it for less."}`); m["status"] != "withdrawn" {
		t.Errorf("withdrawn %v", m)
	}
	if m := d.want(422, "ben", "POST", d.at+"/withdraw", `{"reason":"price"}`); m["error"] != "submission_state" || m["details"].(map[string]any)["status"] != "withdrawn" {
		t.Errorf("twice %v", m)
	}
	s := d.want(200, "una", "GET", "/v1/submissions/"+d.sub, "")
	if e := s["ending"].(map[string]any); s["status"] != "withdrawn" || e["by"] != d.id("ben") || e["message"] != "We found it for less." {
		t.Errorf("inside %v", s)
	}
}

func TestABrokerAsksToBind(t *testing.T) {
	d := newDealt(t)
	ask, pif := d.at+"/bind-request", `{"installmentPlan":"PIF"}`
	if m := d.want(422, "ben", "POST", ask, pif); m["error"] != "quote_not_accepted" {
		t.Errorf("without a quote: %v", m)
	}
	quo := d.offered("")
	if m := d.want(422, "ben", "POST", ask, pif); m["error"] != "quote_not_accepted" {
		t.Errorf("not accepted: %v", m)
	}
	d.want(200, "ben", "POST", d.at+"/quotes/"+quo+"/accept", "")
	if m := d.want(400, "ben", "POST", ask, `{"installmentPlan":"WEEKLY"}`); fieldsOfProblem(m) != "installmentPlan enum" {
		t.Errorf("no plan: %v", m)
	}
	if q := only(t, d.want(200, "ben", "POST", ask, `{"installmentPlan":"PREMIUM_FINANCE"}`), "quotes"); fmt.Sprint(q["plansByAgreement"]) != "[PREMIUM_FINANCE]" {
		t.Errorf("financed %v", q)
	}
	if m := d.want(200, "ben", "POST", ask, pif); only(t, m, "quotes")["status"] != "accepted" {
		t.Errorf("asked %v", m)
	}
	d.shows(`"submission.bind_requested"`, quo, `"installmentPlan":"PIF"`, `"whoseTurn":"underwriter"`, "To be bound at $14,250, paid by: in full.")
	for _, who := range []string{"ada", "mel"} {
		if r := rows(d.want(200, who, "GET", "/v1/audit?action=submission.bind_requested", "")); len(r) != 2 || r[0].(map[string]any)["objectId"] != d.sub {
			t.Errorf("%s reads in the log %v", who, r)
		}
	}
	d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/bind", pif)
	if m := d.want(422, "ben", "POST", ask, pif); m["error"] != "quote_not_accepted" {
		t.Errorf("bound already: %v", m)
	}
}

// What the room was not told of does not exist in it.
func TestWhatARoomWasNotToldOfIsNotInItsDeal(t *testing.T) {
	d := newDealt(t)
	quiet := d.want(201, "una", "POST", "/v1/referrals", strings.Replace(referralFor(d.sub), "prior_losses", "other", 1))["id"].(string)
	d.want(200, "uri", "POST", "/v1/referrals/"+quiet+"/decision", `{"decision":"request_more_info","rationale":"x","questions":["Is he honest?"]}`)
	other := d.deal()
	elsewhere := other.referred(`{"decision":"request_more_info","rationale":"x","questions":["Closed?"]}`)
	draft := d.want(201, "una", "POST", "/v1/referrals", strings.Replace(referralFor(d.sub), "{", `{"draft":true,"dealRoomId":"`+d.room+`",`, 1))["id"].(string)
	if m, _ := d.stands("ben"); len(m["referrals"].([]any)) != 0 || m["status"] != "in_review" {
		t.Errorf("the room knows %v", m)
	}
	for _, id := range []string{quiet, elsewhere, draft, unknown(quiet), "ref_1"} {
		for path, body := range map[string]string{
			"/respond": `{"answers":[{"question":1,"text":"Yes."}]}`, "/counter": `{"accept":true}`, "/conditions/cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3/submit": `{"note":"x"}`,
		} {
			if m := d.want(404, "ben", "POST", d.at+"/referrals/"+id+path, body); m["error"] != "not_found" {
				t.Errorf("%s%s: %v", id, path, m)
			}
		}
	}
	// What was never written for him is not his to answer, and he is not told what
	// it is.
	private := d.referred(`{"decision":"request_more_info","rationale":"Ask the claims people."}`)
	if m, _ := d.stands("ben"); only(t, m, "referrals")["status"] != "in_review" || len(only(t, m, "referrals")["questions"].([]any)) != 0 {
		t.Errorf("a question for the inside: %v", m)
	}
	if m := d.want(200, "una", "GET", "/v1/referrals/"+private, ""); m["status"] != "info_requested" || m["whoseTurn"] != "requester" {
		t.Errorf("a question for the inside, inside: %v", m)
	}
	if m := d.want(422, "ben", "POST", d.at+"/referrals/"+private+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`); m["error"] != "referral_state" || len(m["details"].(map[string]any)) != 0 {
		t.Errorf("answered from outside: %v", m)
	}
	d.want(403, "uri", "POST", "/v1/referrals/"+private+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`) // who asked
	d.want(403, "ulf", "POST", "/v1/referrals/"+private+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`) // who has nothing to do with it
	if r := only(t, d.want(200, "una", "POST", d.at+"/referrals/"+private+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`), "referrals"); r["status"] != "in_review" {
		t.Errorf("answered from inside: %v", r)
	}
	var shown []string
	for _, m := range rows(d.want(200, "ben", "GET", d.at+"/messages?limit=100", "")) {
		shown = append(shown, fmt.Sprint(m))
	}
	if s := strings.Join(shown, "\n"); strings.Contains(s, "info_requested") || strings.Contains(s, "referral.answered") {
		t.Errorf("the room shows what was asked inside:\n%s", s)
	}
}

// TestADealTellsNothingOfTheInside looks into everything that the other company
// is answered about a deal, refusals among them, for what it must never read.
func TestADealTellsNothingOfTheInside(t *testing.T) {
	d := newDealt(t)
	var said bytes.Buffer
	call := func(method, path, body string) (int, map[string]any) {
		got, m, _ := d.as("ben", method, d.at+path, body)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&said, "%d %s\n", got, b)
		return got, m
	}
	look := func() { t.Helper(); call("GET", "/deal", "") }
	profile := d.want(201, "ada", "POST", "/v1/authority/profiles", `{"name":"Kanarienprofil","level":7,"authorizedLobs":["GL"],"maxPremium":777777,"maxLimit":8888888}`)["id"].(string)
	for _, who := range []string{"uri", "ulf"} {
		d.want(201, "ada", "POST", "/v1/authority/profiles/"+profile+"/assign", `{"userId":"`+d.id(who)+`"}`)
	}
	d.want(200, "una", "POST", "/v1/submissions/"+d.sub+"/claim", "")
	look()

	// A price that an underwriter has yet to agree to.
	d.want(200, "una", "PATCH", "/v1/submissions/"+d.sub, `{"annualRevenue":70000000}`)
	q := d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", "")
	if q["decision"] != "referred" {
		t.Fatalf("quoted %v", q["decision"])
	}
	look()
	price := strconv.FormatFloat(q["grossPremium"].(float64), 'f', -1, 64)
	if got, m := call("POST", "/quotes/"+q["id"].(string)+"/accept", ""); got != 404 {
		t.Errorf("a price that nobody agreed to: %d %v", got, m)
	}
	first := d.referred(`{"decision":"request_more_info","rationale":"Kanarien one","questions":["Closed?"]}`)
	look()
	call("POST", "/referrals/"+first+"/counter", `{"accept":true}`)
	call("POST", "/referrals/"+first+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`)
	call("POST", "/referrals/"+first+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`)
	d.want(200, "ada", "PUT", "/v1/referral-rules", twoAgree)
	d.want(200, "uri", "POST", "/v1/referrals/"+first+"/decision", `{"decision":"approve","rationale":"Kanarien two","conditions":[{"action":"Inspect.","evidence":"Kanarien three","consequence":"Kanarien four","responsibleParty":"Kanarien five"}]}`)
	look() // by one of two
	call("POST", "/referrals/"+first+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`)
	if strings.Contains(said.String(), price) {
		t.Errorf("the price was told before anybody agreed to it: %s", said.String())
	}
	d.want(200, "ulf", "POST", "/v1/referrals/"+first+"/confirm", `{"rationale":"Kanarien six"}`)
	look()
	if !strings.Contains(said.String(), price) {
		t.Errorf("the price was never told: %s", said.String())
	}
	call("POST", "/referrals/"+first+"/respond", `{"answers":[{"question":1,"text":"Yes."}]}`)
	call("POST", "/withdraw", `{}`)
	d.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/offer", "")
	d.want(201, "una", "POST", "/v1/referrals", strings.Replace(referralFor(d.sub), "two losses", "Kanarien seven", 1)) // of which the room is not told
	look()
	if got, m := call("POST", "/quotes/"+q["id"].(string)+"/accept", ""); got != 422 || m["error"] != "underwriter_needed" || len(m["details"].(map[string]any)) != 0 {
		t.Errorf("while something is asked inside: %d %v", got, m)
	}
	d.want(403, "una", "POST", "/v1/submissions/"+d.sub+"/decline", `{"reasons":["suspected_fraud"],"rationale":"Kanarien eight"}`) // which takes authority
	d.want(200, "una", "POST", "/v1/submissions/"+d.sub+"/release", "")
	d.want(200, "uri", "POST", "/v1/submissions/"+d.sub+"/decline", `{"reasons":["suspected_fraud"],"rationale":"Kanarien eight"}`)
	look()
	call("POST", "/quotes/"+q["id"].(string)+"/accept", "")
	call("POST", "/withdraw", `{"reason":"price"}`)

	for _, word := range []string{
		"Kanarien", "anarienprofil", "777777", "8888888", "level", "authority", "Authority", "pending_second", "superseded", "lapsed", "revoked", `"referred"`,
		"triage", "score", "lane", "sanction", "fraud", "assignee", "decidedBy", "confirmedBy", "raisedBy", "rationale\":\"K", "factors", "daFlags", "producerFlags",
		"reasons", "agreement", "prior_losses", d.id("una"), d.id("uri"), d.id("ulf"), d.id("ada"), d.una.Org.String(),
	} {
		if i := strings.Index(said.String(), word); i >= 0 {
			t.Errorf("the other company reads %q: …%.200s", word, said.String()[max(0, i-100):])
		}
	}
	if n := strings.Count(said.String(), "\n"); n < 15 {
		t.Errorf("only %d answers", n)
	}
}

// Each of a room's people, and everybody else, at each operation.
func TestWhoDeals(t *testing.T) {
	c := newCast(t)
	type try struct {
		path func(*dealt) string
		body string
	}
	const asking, countering, conditional = `{"decision":"request_more_info","rationale":"x","questions":["Closed?"]}`,
		`{"decision":"approve","rationale":"x","counter":{"exclusions":["Roofing"]}}`, `{"decision":"approve","rationale":"x","conditions":[{"action":"Send it."}]}`
	tries := map[string]try{
		"accept":   {func(d *dealt) string { return "/quotes/" + d.offered("") + "/accept" }, ""},
		"withdraw": {func(*dealt) string { return "/withdraw" }, `{"reason":"price"}`},
		"respond":  {func(d *dealt) string { return "/referrals/" + d.referred(asking) + "/respond" }, `{"answers":[{"question":1,"text":"Yes."}]}`},
		"counter":  {func(d *dealt) string { return "/referrals/" + d.referred(countering) + "/counter" }, `{"accept":true}`},
		"submit": {func(d *dealt) string {
			id := d.referred(conditional)
			m, _ := d.stands("una")
			return "/referrals/" + id + "/conditions/" + m["referrals"].([]any)[0].(map[string]any)["conditions"].([]any)[0].(map[string]any)["id"].(string) + "/submit"
		}, `{"note":"Done."}`},
	}
	for who, want := range map[string]int{
		"una": 200, "uri": 200, "uno": 403, "vic": 403, "ulf": 403, "ada": 403, "abe": 403, "ben": 200, "bob": 200, "mel": 403, "bea": 404, "cat": 404, "eve": 404,
		"key": 403, "readingKey": 403, "otherKey": 403, "system": 200,
	} {
		t.Run(who, func(t *testing.T) {
			for name, op := range tries {
				d := c.deal()
				want := want
				if name == "respond" && (who == "uri" || who == "system") { // who asked it himself, and who did not raise it
					want = 403
				}
				if got, m, _ := d.as(who, "POST", d.at+op.path(d), op.body); got != want {
					t.Errorf("%s: %d %v, want %d", name, got, m, want)
				}
			}
			reads := map[string]int{"otherKey": 403}[who]
			if reads == 0 {
				reads = 200
				if want == 404 {
					reads = 404
				}
			}
			d := c.deal()
			if got, m, _ := d.as(who, "GET", d.at+"/deal", ""); got != reads {
				t.Errorf("read: %d %v, want %d", got, m, reads)
			}
		})
	}
	// A broker who may only read does only that, and one who comes in his place as
	// an underwriter without the right at home gets no more from a seat.
	d := c.deal()
	quo := d.offered("")
	d.want(200, "una", "PATCH", d.at, `{"participants":[{"userId":"`+d.id("ben")+`","canChat":false}]}`)
	d.want(403, "ben", "POST", d.at+"/quotes/"+quo+"/accept", "")
	d.want(201, "una", "POST", d.at+"/participants", `{"userId":"`+d.id("abe")+`","role":"underwriter"}`)
	d.want(403, "abe", "POST", d.at+"/quotes/"+quo+"/accept", "")
	d.want(200, "una", "PATCH", d.at, `{"participants":[{"userId":"`+d.id("mel")+`","canEdit":true}]}`)
	d.want(200, "mel", "POST", d.at+"/quotes/"+quo+"/accept", "")
}

func TestAClosedRoomsDealIsOnlyRead(t *testing.T) {
	d := newDealt(t)
	quo := d.offered("")
	ref := d.referred(`{"decision":"request_more_info","rationale":"x","questions":["Closed?"]}`)
	for _, change := range []string{`{"status":"closed","reason":"Elsewhere."}`, `{"status":"archived"}`} {
		d.want(200, "una", "PATCH", d.at, change)
		for path, body := range map[string]string{
			"/quotes/" + quo + "/accept": "", "/withdraw": `{"reason":"price"}`, "/referrals/" + ref + "/respond": `{"answers":[{"question":1,"text":"Yes."}]}`,
			"/referrals/" + ref + "/counter": `{"accept":true}`, "/referrals/" + ref + "/conditions/cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3/submit": `{"note":"x"}`,
		} {
			for _, who := range []string{"ben", "una"} {
				if m := d.want(422, who, "POST", d.at+path, body); m["error"] != "room_closed" {
					t.Errorf("%s %s: %v", who, path, m)
				}
			}
		}
		if m, _ := d.stands("ben"); only(t, m, "quotes")["id"] != quo {
			t.Errorf("read %v", m)
		}
	}
	if s := d.want(200, "una", "GET", "/v1/submissions/"+d.sub, ""); s["status"] == "withdrawn" {
		t.Error("withdrawn all the same")
	}
}

// Who was removed is out at once, on every node, whatever that node remembers.
func TestARemovedBrokerDealsNoMore(t *testing.T) {
	d := newDealt(t)
	quo := d.offered("")
	elsewhere := insurance.New(storetest.Open(t, store.Config{URL: storetest.Address(d.db)}), insurance.Config{})
	var in room.ID
	var offer quote.ID
	if err := errors.Join(in.UnmarshalText([]byte(d.room)), offer.UnmarshalText([]byte(quo))); err != nil {
		t.Fatal(err)
	}
	there := func(reads, accepts error) {
		t.Helper()
		ctx := store.Remembering(t.Context()) // one request of that node
		if _, err := elsewhere.Deal(ctx, d.actors["ben"], in); !errors.Is(err, reads) {
			t.Errorf("read there: %v, want %v", err, reads)
		}
		none := func(deal.Deal) error { return fault.ErrStale }
		if _, err := elsewhere.AcceptInRoom(ctx, d.actors["ben"], in, offer, none); !errors.Is(err, accepts) {
			t.Errorf("accepted there: %v, want %v", err, accepts)
		}
	}
	there(nil, fault.ErrStale) // so that it remembers
	there(nil, fault.ErrStale)
	d.want(204, "una", "DELETE", d.at+"/participants/"+d.id("ben"), "")
	there(fault.ErrNotFound, fault.ErrNotFound)
	d.want(404, "ben", "POST", d.at+"/quotes/"+quo+"/accept", "")
	d.want(200, "bob", "POST", d.at+"/quotes/"+quo+"/accept", "")
}

// One accepts inside, one from the room, each another quote, at once.
func TestOfTwoAcceptancesOneWins(t *testing.T) {
	d := newDealt(t)
	for range 8 {
		d := d.deal()
		a, b := d.offered(""), d.offered(`{"deductible":5000,"alternative":true}`)
		got := make([]int, 2)
		said := make([]map[string]any, 2)
		var both sync.WaitGroup
		start := make(chan struct{})
		for i, do := range []func() (int, map[string]any, http.Header){
			func() (int, map[string]any, http.Header) { return d.as("una", "POST", "/v1/quotes/"+a+"/accept", "") },
			func() (int, map[string]any, http.Header) {
				return d.as("ben", "POST", d.at+"/quotes/"+b+"/accept", "", "Idempotency-Key", "k"+b)
			},
		} {
			both.Go(func() { <-start; got[i], said[i], _ = do() })
		}
		close(start)
		both.Wait()
		ids, winner := []string{a, b}, 0
		if got[1] == 200 {
			winner = 1
		}
		loser := 1 - winner
		det, _ := said[loser]["details"].(map[string]any)
		if got[winner] != 200 || got[loser] != 422 || det["status"] != "not_taken_up" || det["acceptedQuoteId"] != ids[winner] {
			t.Errorf("got %v: %v", got, said)
		}
		if m, _ := d.stands("ben"); only(t, m, "quotes")["id"] != ids[winner] {
			t.Errorf("after it %v", m)
		}
	}
}

// Of a removal and an act of the removed the first to have the room is the first:
// he who waits for it looks again whether he may.
func TestAnAcceptanceWaitsForARemoval(t *testing.T) {
	d := newDealt(t)
	quo := d.offered("")
	var in room.ID
	var ben access.UserID
	if err := errors.Join(in.UnmarshalText([]byte(d.room)), ben.UnmarshalText([]byte(d.id("ben")))); err != nil {
		t.Fatal(err)
	}
	var waits sync.WaitGroup
	var got int
	err := d.db.InTx(t.Context(), d.una, func(tx *store.Tx) error {
		if _, err := tx.LockRoom(t.Context(), in); err != nil {
			return err
		}
		p, _, err := tx.Participant(t.Context(), in, ben)
		if err == nil {
			err = tx.SaveParticipant(t.Context(), p.Removed(d.una, time.Now()))
		}
		waits.Go(func() { got, _, _ = d.as("ben", "POST", d.at+"/quotes/"+quo+"/accept", "") })
		for err == nil && t.Context().Err() == nil && storetest.Value[int](t, d.db, `SELECT count(*)::int FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
			runtime.Gosched()
		}
		return err
	})
	waits.Wait()
	if status := d.want(200, "una", "GET", "/v1/quotes/"+quo, "")["status"]; err != nil || got != 404 || status != "offered" {
		t.Errorf("%d, and the quote is %v; %v", got, status, err)
	}
}

// The transaction of one who acts in another company's room is that company's
// for the act alone: what he keeps of it is his own company's.
func TestAnIdempotencyKeyIsOfTheActorsCompany(t *testing.T) {
	d := newDealt(t)
	quo := d.offered("")
	path := d.at + "/quotes/" + quo + "/accept"
	d.want(200, "ben", "POST", path, "", "Idempotency-Key", "same")
	org := storetest.Value[[16]byte](t, d.db, `SELECT org_id FROM idempotency WHERE key = 'same'`)
	if access.OrgID(org) != d.actors["ben"].Org {
		t.Errorf("kept with %v", access.OrgID(org))
	}
}
