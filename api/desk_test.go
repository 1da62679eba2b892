package api

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/store/storetest"
)

// TestDesksDoNotLeak lets both companies say, edit, delete and upload at random,
// each of their desks full of a word of its own, and then reads every path of
// the contract as everybody who is not of the company: the word is nowhere, nor
// in a log, and nothing shows that something is missing.
func TestDesksDoNotLeak(t *testing.T) {
	const steps = 120
	p := newPlace(t)
	words := map[string]string{"Summit": "heliotrope", "Harbor": "quicksilver"}
	insiders := map[string][]string{"Summit": {"una", "uri", "uno", "ulf", "ada", "abe"}, "Harbor": {"ben", "bob"}}
	speakers := map[string][]string{"Summit": {"una", "uri", "uno", "ulf", "ada"}, "Harbor": {"ben", "bob"}}
	shared := map[string][]string{"Summit": {"una", "uri"}, "Harbor": {"ben"}}
	type said struct{ who, id string }
	desks := map[string][]said{}
	files := map[string][]string{}
	var all []string // every id of a message or file
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	pick := func(from []string) string { return from[dice.IntN(len(from))] }
	last := map[string]float64{}
	for step := range steps {
		company := pick([]string{"Summit", "Harbor"})
		secret := fmt.Sprintf("the %s of step %d", words[company], step)
		mine := desks[company]
		switch dice.IntN(7) {
		case 0, 1:
			who := pick(speakers[company])
			m := p.say(who, secret, asDesk)
			desks[company] = append(mine, said{who, m["id"].(string)})
			all = append(all, m["id"].(string))
		case 2:
			who := pick(shared[company])
			m := p.say(who, fmt.Sprintf("hello of step %d", step))
			// The numbers of what is shared have no gap where a desk was used.
			if m["seq"] != last["room"]+1 {
				t.Fatalf("step %d: seq %v after %v", step, m["seq"], last["room"])
			}
			last["room"] = m["seq"].(float64)
		case 3:
			if len(mine) > 0 {
				m := mine[dice.IntN(len(mine))]
				if status, _ := p.do(m.who, "PATCH", "/messages/"+m.id, fmt.Sprintf(`{"body":"edited: %s"}`, secret)); status != 200 && status != 422 {
					t.Fatalf("edit: %d", status)
				}
			}
		case 4:
			if len(mine) > 0 && dice.IntN(3) == 0 {
				m := mine[dice.IntN(len(mine))]
				p.want(204, m.who, "DELETE", "/messages/"+m.id, "")
			}
		case 5:
			who := pick(speakers[company])
			id := p.upload(t, who, secret+".txt", "internal", secret)
			files[company], all = append(files[company], id), append(all, id)
			m := p.say(who, secret, asDesk, `,"attachments":["`+id+`"]`)
			desks[company] = append(desks[company], said{who, m["id"].(string)})
		case 6:
			p.want(200, pick(speakers[company]), "POST", "/read", fmt.Sprintf(`{"channel":"desk","seq":%d}`, dice.IntN(20)))
		}
	}
	for company, word := range words {
		mine := p.say(speakers[company][0], "one more "+word, asDesk)["id"].(string)
		all = append(all, mine)
		if data := p.want(200, insiders[company][1], "GET", "/messages?channel=desk&q="+word, "")["data"].([]any); len(data) == 0 {
			t.Fatalf("%s does not find its own words", company)
		}
	}
	paths := p.reads(t, all, words)
	everybody := slices.Concat(slices.Sorted(maps.Keys(p.as)), []string{"system", "nobody"})
	for company, word := range words {
		for _, who := range everybody {
			if slices.Contains(insiders[company], who) {
				continue
			}
			for _, path := range paths {
				if _, text := p.raw(t, who, path); strings.Contains(text, word) {
					t.Errorf("%s reads the desk of %s at %s: %s", who, company, path, text)
				}
			}
			for _, id := range all {
				if strings.HasPrefix(id, "msg_") && slices.ContainsFunc(desks[company], func(m said) bool { return m.id == id }) {
					for _, body := range []string{`{"body":"mine"}`, ``} {
						method := map[bool]string{true: "DELETE", false: "PATCH"}[body == ""]
						if status, m := p.do(who, method, "/messages/"+id, body); status != 404 && status != 401 && status != 403 || strings.Contains(fmt.Sprint(m), word) {
							t.Errorf("%s: %s of a message of %s: %d %v", who, method, company, status, m)
						}
					}
				}
			}
		}
		if strings.Contains(p.log.String(), word) {
			t.Errorf("the log holds words of the desk of %s", company)
		}
	}
	if p.log.String() == "" {
		t.Error("nothing was logged")
	}
}

// reads lists every GET of the contract, with the ids of the room, its
// submission and all that was said and uploaded in their places, and searches.
func (p *place) reads(t *testing.T, ids []string, words map[string]string) []string {
	t.Helper()
	_, text := p.raw(t, "una", "/openapi.json")
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if _, text, _ = strings.Cut(text, "\n\n"); json.Unmarshal([]byte(text), &doc) != nil {
		t.Fatal("the contract is no JSON")
	}
	room, submission := p.Room.ID.String(), p.Room.Submission.String()
	var out []string
	for path, methods := range doc.Paths {
		if methods["get"] == nil || strings.HasSuffix(path, "/ws") || strings.HasSuffix(path, "/stream") { // live connections have tests of their own
			continue
		}
		for _, id := range []string{room, submission} {
			path := strings.Replace(path, "{id}", id, 1)
			if !strings.Contains(path, "{") {
				out = append(out, path)
				continue
			}
			for _, inner := range ids {
				out = append(out, path[:strings.Index(path, "{")]+inner+path[strings.Index(path, "}")+1:])
			}
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d paths", len(out))
	}
	base := "/v1/deal-rooms/" + room
	for _, word := range words {
		out = append(out, base+"/messages?q="+word, base+"/messages?channel=desk&q="+word, base+"/files?limit=100")
	}
	out = append(out, base+"/transcript?audience=internal&limit=5000", base+"/messages?channel=desk&limit=100", base+"/messages?after=0&limit=100",
		"/v1/events?limit=100", "/v1/events?type=deal_room.message_posted", "/v1/events?type=deal_room.file_added")
	for _, org := range []string{p.Una.Org.String(), p.Ben.Org.String()} {
		for _, channel := range []string{"desk:" + room + ":" + org, "room:" + room, "org:" + org + ":underwriting", "org:" + org + ":admin", "access:" + org} {
			out = append(out, "/v1/events?limit=100&channel="+url.QueryEscape(channel))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// raw answers a status, and headers and body as text, with an empty line between.
func (p *place) raw(t *testing.T, who, path string) (int, string) {
	t.Helper()
	if who == "system" {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + "orgId=" + p.Una.Org.String()
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.world.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token := p.bearer(who); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, fmt.Sprintf("%v\n\n%s", res.Header, b)
}

// TestSomebodyWhoLeaves is forgotten although it is remembered who may post.
func TestSomebodyWhoLeaves(t *testing.T) {
	p := newPlace(t)
	p.say("ben", "hello")
	p.say("ben", "hello", asDesk)
	storetest.Unseat(t, p.db, p.Room, p.Ben)
	p.want(404, "ben", "POST", "/messages", `{"body":"still here"}`)
	p.want(404, "ben", "POST", "/messages", `{"body":"still here"`+asDesk+`}`)
	p.want(404, "ben", "GET", "/messages", "")
	storetest.SQL(t, p.db, `DELETE FROM relationship WHERE relation = 'participant_chat' AND subject_id = $1`, *p.Uri.UUID())
	p.want(403, "uri", "POST", "/messages", `{"body":"may I?"}`)
	// The right is back by another relationship than the one that is remembered.
	p.say("una", "hello")
	storetest.SQL(t, p.db, `UPDATE relationship SET relation = 'chat_was' WHERE relation = 'participant_chat' AND subject_id = $1`, *p.Una.UUID())
	p.say("una", "as the lead")
	storetest.SQL(t, p.db, `UPDATE relationship SET relation = 'participant_chat' WHERE relation = 'chat_was'`)
	storetest.SQL(t, p.db, `UPDATE relationship SET relation = 'lead_was' WHERE relation = 'lead' AND subject_id = $1`, *p.Una.UUID())
	p.say("una", "as one who may chat")
	// The system is not the same in every organisation.
	p.want(201, "system", "POST", "/messages", `{"body":"hello"}`)
	if status, m, _ := p.call(worldSecret, "POST", p.path+"/messages?orgId="+p.Eve.Org.String(), `{"body":"hello"}`); status != 404 {
		t.Errorf("the system as another organisation: %d %v", status, m)
	}
}
