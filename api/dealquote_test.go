package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/store/storetest"
)

// TestACountersTermsAreThoseOfThePolicy lets a broker take other terms in the room:
// the next version of the quote is on them, and so is what is bound.
func TestACountersTermsAreThoseOfThePolicy(t *testing.T) {
	d := newDealt(t)
	one := d.offered(`{"aggregateLimit":2000000}`)
	ask := strings.Replace(`{"entityType":"quote","entityId":"`+one+`","reason":"prior_losses","rationale":"Two losses."}`, "{", `{"dealRoomId":"`+d.room+`",`, 1)
	ref := d.want(201, "una", "POST", "/v1/referrals", ask)["id"].(string)
	decide := func(want int, counter string) map[string]any {
		t.Helper()
		return d.want(want, "uri", "POST", "/v1/referrals/"+ref+"/decision", `{"decision":"approve","rationale":"secret","counter":`+counter+`}`)
	}
	if m := decide(400, `{"limit":500000,"deductible":500000}`); fieldsOfProblem(m) != "counter.deductible max" {
		t.Errorf("a deductible of the whole limit: %v", m)
	}
	decide(200, `{"premium":15000,"limit":500000,"deductible":10000,"exclusions":["Roofing","Demolition","Blasting","Cranes"]}`)
	d.want(200, "ben", "POST", d.at+"/referrals/"+ref+"/counter", `{"accept":true}`)

	const limits, exclusions = "500000 2e+06 10000", "[Roofing Demolition Blasting Cranes]"
	is := func(where string, terms any) {
		t.Helper()
		m, _ := terms.(map[string]any)
		if fmt.Sprint(m["requestedLimit"], m["aggregateLimit"], m["deductible"]) != limits || fmt.Sprint(m["exclusions"]) != exclusions {
			t.Errorf("%s is on %v", where, m)
		}
	}
	m, _ := d.stands("ben")
	q := only(t, m, "quotes")
	is("the quote in the room", q["terms"])
	if q["grossPremium"] != 15000.0 || q["id"] == one {
		t.Errorf("the price is %v", q)
	}
	is("the quote at the desk", d.want(200, "una", "GET", "/v1/quotes/"+q["id"].(string), "")["terms"])
	if old := d.want(200, "una", "GET", "/v1/quotes/"+one, "")["terms"].(map[string]any); old["requestedLimit"] != 1000000.0 || old["exclusions"] != nil {
		t.Errorf("the version before is on %v", old)
	}
	told := fmt.Sprint(d.want(200, "ben", "GET", d.at+"/transcript", ""))
	if want := "Quoted at $15,000: limit $500,000, deductible $10,000, without Roofing, Demolition, Blasting and 1 more. It is yet to be offered."; !strings.Contains(told, want) {
		t.Errorf("no card says %q:\n%s", want, told)
	}
	bound := d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/bind", `{"installmentPlan":"PIF"}`)["id"].(string)
	timeline := d.want(200, "una", "GET", "/v1/policies/"+bound+"/timeline", "")
	is("the policy", only(t, timeline, "data")["terms"])
}

// TestWhoseTurnAQuoteIs: a card never says that it is the broker's turn before he
// may accept, however the price came about: at once, by an approval, or by a
// counter that he took.
func TestWhoseTurnAQuoteIs(t *testing.T) {
	for name, price := range map[string]func(*dealt){
		"at once": func(d *dealt) { d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", "") },
		"approved": func(d *dealt) {
			d.want(200, "una", "PATCH", "/v1/submissions/"+d.sub, `{"annualRevenue":80000000}`)
			profile := d.want(201, "ada", "POST", "/v1/authority/profiles", `{"name":"Senior","level":5,"authorizedLobs":["GL"],"maxPremium":200000,"maxLimit":2000000}`)["id"].(string)
			d.want(201, "ada", "POST", "/v1/authority/profiles/"+profile+"/assign", `{"userId":"`+d.id("uri")+`"}`)
			quo := d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", "")["id"].(string)
			ref := d.want(201, "una", "POST", "/v1/referrals", `{"entityType":"quote","entityId":"`+quo+`","reason":"authority_exceeded","rationale":"x","dealRoomId":"`+d.room+`"}`)["id"].(string)
			d.want(200, "uri", "POST", "/v1/referrals/"+ref+"/decision", `{"decision":"approve","rationale":"Inside appetite."}`)
		},
		"counter": func(d *dealt) {
			d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", "")
			ref := d.referred(`{"decision":"approve","rationale":"x","counter":{"premium":15000}}`)
			d.want(200, "ben", "POST", d.at+"/referrals/"+ref+"/counter", `{"accept":true}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDealt(t)
			price(d)
			m, _ := d.stands("ben")
			q := only(t, m, "quotes")
			quo := q["id"].(string)
			if m["status"] != "quoted" || q["status"] != "quoted" || q["offeredAt"] != nil {
				t.Errorf("the deal: %v", m)
			}
			d.shows(quo, `"status":"quoted"`, `"whoseTurn":"underwriter"`)
			accept := d.at + "/quotes/" + quo + "/accept"
			if m := d.want(422, "ben", "POST", accept, ""); m["error"] != "quote_state" {
				t.Errorf("before the offer: %v", m)
			}
			d.want(200, "una", "POST", "/v1/quotes/"+quo+"/offer", "")
			d.shows(quo, `"status":"offered"`, `"whoseTurn":"broker"`)
			d.want(200, "ben", "POST", accept, "")
		})
	}
}

// lastCard is what the room shows last, as it was told.
func (d *dealt) lastCard() string {
	d.t.Helper()
	return storetest.Value[string](d.t, d.db, `SELECT convert_from(e.payload, 'UTF8') FROM entry e JOIN channel c ON c.id = e.channel_id
		WHERE c.name = $1 ORDER BY e.seq DESC LIMIT 1`, "room:"+d.room)
}

// shows fails unless the last card of the room has every part.
func (d *dealt) shows(parts ...string) {
	d.t.Helper()
	card := d.lastCard()
	for _, part := range parts {
		if !strings.Contains(card, part) {
			d.t.Errorf("the card lacks %s: %s", part, card)
		}
	}
}

// TestExpiredIsExpiredEverywhere: whatever was done with a quote before, it is
// refused as expired, with the day, to whoever was told its price.
func TestExpiredIsExpiredEverywhere(t *testing.T) {
	for name, before := range map[string]func(*dealt) string{
		"quoted": func(d *dealt) string {
			return d.want(201, "una", "POST", "/v1/submissions/"+d.sub+"/quote", "")["id"].(string)
		},
		"offered": func(d *dealt) string { return d.offered("") },
		"accepted": func(d *dealt) string {
			q := d.offered("")
			d.want(200, "ben", "POST", d.at+"/quotes/"+q+"/accept", "")
			return q
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDealt(t)
			quo := before(d)
			storetest.SQL(t, d.db, `UPDATE quote SET expires_at = now()`)
			for who, path := range map[string]string{"ben": d.at + "/quotes/" + quo + "/accept", "una": "/v1/quotes/" + quo + "/accept", "uri": "/v1/quotes/" + quo + "/offer"} {
				m := d.want(422, who, "POST", path, "")
				if details := m["details"].(map[string]any); m["error"] != "quote_expired" || details["expiresAt"] == nil || details["acceptedQuoteId"] != nil {
					t.Errorf("%s: %v", who, m)
				}
			}
		})
	}
}
