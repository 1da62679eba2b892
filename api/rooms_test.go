package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A cast is everybody who may have to do with a room, and how to act as each.
type cast struct {
	*world
	posts   *store.Poster
	actors  map[string]access.Actor
	bearers map[string]string // credentials by name
}

// newCast hires people at three companies. The room's are una, the lead; uri
// and uno, underwriters in it, of whom uno may do nothing; vic, a viewer; ulf,
// ada and abe are not in it. Ben, bob and mel, a manager, are of Harbor, and so
// is bea, who is not in it. Cat and eve are of a third company.
func newCast(t *testing.T) *cast {
	t.Helper()
	w := newWorld(t)
	c := &cast{world: w, posts: storetest.Poster(t, w.db), actors: map[string]access.Actor{"una": w.una, "ada": w.ada}, bearers: map[string]string{"system": worldSecret}}
	for name, role := range map[string]string{"uri": "underwriter", "uno": "underwriter", "ulf": "underwriter", "abe": "auditor", "vic": "broker"} {
		c.actors[name] = storetest.User(t, w.db, w.una, name, role)
	}
	c.actors["ben"], c.actors["eve"] = storetest.Org(t, w.db, "Harbor"), storetest.Org(t, w.db, "Elsewhere")
	for name, role := range map[string]string{"bob": "broker", "bea": "broker", "mel": "admin"} {
		c.actors[name] = storetest.User(t, w.db, c.actors["ben"], name, role)
	}
	c.actors["cat"] = storetest.User(t, w.db, c.actors["eve"], "cat", "broker")
	for name, a := range c.actors {
		c.bearers[name] = w.token(a)
	}
	for name, scope := range map[string]string{"key": "rooms:write", "readingKey": "rooms:read", "otherKey": "submissions:write"} {
		k := w.must(201, c.bearers["ada"], "POST", "/v1/api-keys", `{"name":"`+name+`","scopes":["`+scope+`"]}`)
		c.bearers[name] = k["key"].(string)
		c.actors[name] = access.Actor{Kind: access.Machine, ID: k["id"].(string), Org: w.una.Org}
	}
	c.actors["system"] = access.Actor{Kind: access.System, ID: "system", Org: w.una.Org}
	return c
}

// as does something as one of the cast; the system names the room's company.
func (c *cast) as(who, method, path, body string, header ...string) (int, map[string]any, http.Header) {
	c.t.Helper()
	if who == "system" {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "orgId=" + c.una.Org.String()
	}
	return c.call(c.bearers[who], method, path, body, header...)
}

// want is as, for one who knows what comes of it.
func (c *cast) want(status int, who, method, path, body string, header ...string) map[string]any {
	c.t.Helper()
	got, m, _ := c.as(who, method, path, body, header...)
	if got != status {
		c.t.Fatalf("%s: %s %s %s = %d %v, want %d", who, method, path, body, got, m, status)
	}
	return m
}

func (c *cast) id(who string) string { return c.actors[who].ID }

// email is the address of one of the cast.
func (c *cast) email(who string) string { return c.id(who) + "@example.com" }

func (c *cast) submission() string {
	c.t.Helper()
	return c.want(201, "una", "POST", "/v1/submissions", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1))["id"].(string)
}

// room is a room with its people in it, as una opened it.
func (c *cast) room() map[string]any {
	c.t.Helper()
	return c.want(201, "una", "POST", "/v1/deal-rooms", fmt.Sprintf(`{"submissionId":%q,"participants":[
		{"userId":%q,"role":"underwriter"}, {"userId":%q,"role":"underwriter","canEdit":false,"canChat":false,"canAnnotate":false},
		{"email":%q,"role":"broker"}, {"email":%q,"role":"broker"}, {"email":%q,"role":"manager"}, {"userId":%q,"role":"viewer"}]}`,
		c.submission(), c.id("uri"), c.id("uno"), c.email("ben"), strings.ToUpper(c.email("bob")), c.email("mel"), c.id("vic")))
}

func at(r map[string]any) string { return "/v1/deal-rooms/" + r["id"].(string) }

// TestWhoMayDoWhatWithARoom is the table of who may, over HTTP: the status that
// everybody gets for everything, each on a room of its own.
func TestWhoMayDoWhatWithARoom(t *testing.T) {
	c := newCast(t)
	patch := func(body string, first ...string) func(string) int {
		return func(who string) int {
			r := c.room()
			for _, f := range first {
				c.want(200, "una", "PATCH", at(r), f)
			}
			status, _, _ := c.as(who, "PATCH", at(r), body)
			return status
		}
	}
	const closing = `{"status":"closed","reason":"Bound."}`
	do := map[string]func(who string) int{
		"create": func(who string) int {
			status, _, _ := c.as(who, "POST", "/v1/deal-rooms", `{"submissionId":"`+c.submission()+`"}`)
			return status
		},
		"read": func(who string) int {
			status, _, _ := c.as(who, "GET", at(c.room()), "")
			return status
		},
		// 200 is listed, 204 is not, anything else refused.
		"list": func(who string) int {
			r := c.room()
			status, list, _ := c.as(who, "GET", "/v1/deal-rooms?submissionId="+r["submissionId"].(string), "")
			if status == 200 && len(list["data"].([]any)) == 0 {
				return 204
			}
			return status
		},
		"invite": func(who string) int {
			status, _, _ := c.as(who, "POST", at(c.room())+"/participants", `{"email":"`+c.email("cat")+`","role":"broker"}`)
			return status
		},
		"bring": func(who string) int {
			status, _, _ := c.as(who, "POST", at(c.room())+"/participants", `{"email":"`+c.email("bea")+`","role":"broker"}`)
			return status
		},
		"invite a lead": func(who string) int {
			status, _, _ := c.as(who, "POST", at(c.room())+"/participants", `{"email":"`+c.email("ulf")+`","role":"lead_underwriter"}`)
			return status
		},
		"remove": func(who string) int {
			status, _, _ := c.as(who, "DELETE", at(c.room())+"/participants/"+c.id("bob"), "")
			return status
		},
		"remove a lead": func(who string) int {
			r := c.room()
			c.want(201, "una", "POST", at(r)+"/participants", `{"email":"`+c.email("ulf")+`","role":"lead_underwriter"}`)
			status, _, _ := c.as(who, "DELETE", at(r)+"/participants/"+c.id("ulf"), "")
			return status
		},
		"leave": func(who string) int {
			status, _, _ := c.as(who, "DELETE", at(c.room())+"/participants/"+c.id(who), "")
			return status
		},
		"permit": func(who string) int {
			status, _, _ := c.as(who, "PATCH", at(c.room())+"/participants/"+c.id("uno"), `{"canEdit":true}`)
			return status
		},
		"rename":  patch(`{"title":"Another"}`),
		"close":   patch(closing),
		"reopen":  patch(`{"status":"active"}`, closing),
		"archive": patch(`{"status":"archived"}`, closing),
	}
	columns := []string{"create", "read", "list", "invite", "bring", "invite a lead", "remove", "remove a lead", "leave", "rename", "permit", "close", "reopen", "archive"}
	for who, statuses := range map[string][]int{
		"una":        {201, 200, 200, 201, 201, 201, 204, 204, 422, 200, 200, 200, 200, 200},
		"uri":        {201, 200, 200, 201, 201, 403, 204, 403, 204, 200, 403, 403, 403, 403},
		"uno":        {201, 200, 200, 403, 403, 403, 403, 403, 204, 403, 403, 403, 403, 403},
		"ulf":        {201, 200, 200, 403, 403, 403, 403, 422, 403, 403, 403, 403, 403, 403},
		"ada":        {201, 200, 200, 201, 201, 201, 204, 204, 404, 200, 200, 200, 200, 200},
		"abe":        {403, 200, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403},
		"vic":        {403, 200, 200, 403, 403, 403, 403, 403, 204, 403, 403, 403, 403, 403},
		"ben":        {404, 200, 200, 422, 201, 422, 204, 403, 204, 403, 403, 403, 403, 403},
		"mel":        {404, 200, 200, 403, 403, 403, 403, 403, 204, 403, 403, 403, 403, 403},
		"bea":        {404, 404, 204, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404},
		"eve":        {404, 404, 204, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404},
		"key":        {403, 200, 200, 403, 403, 403, 403, 403, 404, 403, 403, 403, 403, 403},
		"readingKey": {403, 200, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403},
		"otherKey":   {403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403},
		"system":     {201, 200, 200, 201, 201, 201, 204, 204, 404, 200, 200, 200, 200, 200},
	} {
		for i, want := range statuses {
			if who == "ulf" && columns[i] == "remove a lead" {
				want = 204 // he is that lead, and goes by himself
			}
			if got := do[columns[i]](who); got != want {
				t.Errorf("%s: %s = %d, want %d", who, columns[i], got, want)
			}
		}
	}
}

func TestRoomIsOpened(t *testing.T) {
	c := newCast(t)
	sub := c.submission()
	r := c.want(201, "una", "POST", "/v1/deal-rooms", `{"submissionId":"`+sub+`","externalId":"room-1","metadata":{"crm":"7"},"participants":[
		{"email":"`+c.email("ben")+`","role":"broker"},{"userId":"`+c.id("uno")+`","role":"viewer"}]}`)
	if r["title"] != "Pacific Coast Builders GL" || r["insuredName"] != "Pacific Coast Builders" || r["lineOfBusiness"] != "GL" || r["status"] != "active" ||
		r["unread"] != 0.0 || r["whoseTurn"] != nil || r["lastMessage"] != nil || r["externalId"] != "room-1" {
		t.Errorf("room %v", r)
	}
	ps := map[string]map[string]any{}
	for _, p := range r["participants"].([]any) {
		ps[p.(map[string]any)["userId"].(string)] = p.(map[string]any)
	}
	una, ben := ps[c.id("una")], ps[c.id("ben")]
	if len(ps) != 3 || una["role"] != "lead_underwriter" || una["canEdit"] != true || ben["role"] != "broker" || ben["orgName"] != "Harbor" ||
		ben["canEdit"] != false || ben["canChat"] != true || ben["name"] != "Harbor underwriter" || ben["email"] != c.email("ben") || ps[c.id("uno")]["canChat"] != false {
		t.Errorf("participants %v", ps)
	}
	if again := c.want(409, "ada", "POST", "/v1/deal-rooms", `{"submissionId":"`+sub+`"}`); again["error"] != "room_exists" || again["details"].(map[string]any)["roomId"] != r["id"] {
		t.Errorf("second: %v", again)
	}
	// The other company sees the room, without what the first keeps for itself.
	theirs := c.want(200, "ben", "GET", at(r), "")
	if theirs["title"] != r["title"] || len(theirs["metadata"].(map[string]any)) != 0 || len(theirs["participants"].([]any)) != 3 {
		t.Errorf("to ben: %v", theirs)
	}
	if mine := c.want(200, "una", "GET", at(r), ""); mine["metadata"].(map[string]any)["crm"] != "7" {
		t.Errorf("to una: %v", mine)
	}
	if got := c.want(409, "una", "POST", "/v1/deal-rooms", `{"submissionId":"`+c.submission()+`","externalId":"room-1"}`); got["error"] != "duplicate_external_id" {
		t.Errorf("same externalId: %v", got)
	}
	found := c.want(200, "una", "GET", "/v1/deal-rooms?externalId=room-1", "")["data"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["id"] != r["id"] {
		t.Errorf("by externalId: %v", found)
	}
	// A create that is repeated is carried out once, an invitation too.
	again, body := "Idempotency-Key", `{"submissionId":"`+c.submission()+`"}`
	once := c.want(201, "una", "POST", "/v1/deal-rooms", body, again, "k1")
	if twice := c.want(201, "una", "POST", "/v1/deal-rooms", body, again, "k1"); twice["id"] != once["id"] {
		t.Errorf("repeated: %v", twice)
	}
	for range 2 {
		c.want(201, "ben", "POST", at(r)+"/participants", `{"userId":"`+c.id("bea")+`","role":"broker"}`, again, "k2")
	}
	// A room that the system opens has nobody in it until somebody is invited.
	bare := c.want(201, "system", "POST", "/v1/deal-rooms", `{"submissionId":"`+c.submission()+`"}`)
	if len(bare["participants"].([]any)) != 0 || bare["createdBy"] != "system" {
		t.Errorf("the system's: %v", bare)
	}
}

func TestRoomsWhoseInputIsBad(t *testing.T) {
	c := newCast(t)
	sub, r := c.submission(), c.room()
	people := at(r) + "/participants"
	long := strings.Repeat("x", 201)
	for name, tt := range map[string]struct {
		who, method, path, body string
		status                  int
		code, field             string
	}{
		"no submission":           {"una", "POST", "/v1/deal-rooms", `{}`, 400, "validation_failed", "submissionId"},
		"malformed submission":    {"una", "POST", "/v1/deal-rooms", `{"submissionId":"pol_1"}`, 400, "validation_failed", "submissionId"},
		"unknown submission":      {"una", "POST", "/v1/deal-rooms", `{"submissionId":"sub_01J8K3M4N5P6Q7R8S9T0V1W2X3"}`, 404, "not_found", ""},
		"long title":              {"una", "POST", "/v1/deal-rooms", `{"submissionId":"` + sub + `","title":"` + long + `"}`, 400, "validation_failed", "title"},
		"unknown people, both":    {"una", "POST", "/v1/deal-rooms", `{"submissionId":"` + sub + `","participants":[{"email":"a@b.example","role":"underwriter"},{"userId":"` + c.id("uri") + `","role":"viewer"},{"email":"c@b.example","role":"manager"}]}`, 422, "user_unknown", "participants[0].email"},
		"twice the same":          {"una", "POST", "/v1/deal-rooms", `{"submissionId":"` + sub + `","participants":[{"userId":"` + c.id("una") + `","role":"viewer"}]}`, 409, "participant_exists", ""},
		"neither id nor address":  {"una", "POST", people, `{"role":"broker"}`, 400, "validation_failed", "userId"},
		"both":                    {"una", "POST", people, `{"role":"broker","userId":"` + c.id("bea") + `","email":"` + c.email("bea") + `"}`, 400, "validation_failed", "userId"},
		"malformed user":          {"una", "POST", people, `{"role":"broker","userId":"7"}`, 400, "validation_failed", "userId"},
		"unknown role":            {"una", "POST", people, `{"role":"captain","email":"` + c.email("bea") + `"}`, 400, "validation_failed", "role"},
		"no role":                 {"una", "POST", people, `{"email":"` + c.email("bea") + `"}`, 400, "validation_failed", "role"},
		"unknown address":         {"una", "POST", people, `{"role":"underwriter","email":"nobody@example.com"}`, 422, "user_unknown", "email"},
		"a stranger by his id":    {"una", "POST", people, `{"role":"broker","userId":"` + c.id("bea") + `"}`, 422, "user_unknown", "userId"},
		"a foreign viewer":        {"una", "POST", people, `{"role":"viewer","email":"` + c.email("bea") + `"}`, 422, "participant_role", "role"},
		"a foreign underwriter":   {"una", "POST", people, `{"role":"underwriter","email":"` + c.email("bea") + `"}`, 422, "participant_role", "role"},
		"a broker of our own":     {"una", "POST", people, `{"role":"broker","userId":"` + c.id("ulf") + `"}`, 422, "participant_role", "role"},
		"somebody in it":          {"una", "POST", people, `{"role":"broker","email":"` + c.email("ben") + `"}`, 409, "participant_exists", ""},
		"ben brings an editor":    {"ben", "POST", people, `{"role":"broker","email":"` + c.email("bea") + `","canEdit":true}`, 403, "forbidden", ""},
		"ben asks for a stranger": {"ben", "POST", people, `{"role":"broker","email":"nobody@example.com"}`, 422, "user_unknown", "email"},
		"removing a stranger":     {"una", "DELETE", people + "/" + c.id("bea"), ``, 404, "not_found", ""},
		"placing a stranger":      {"una", "PATCH", people + "/" + c.id("bea"), `{"canChat":true}`, 404, "not_found", ""},
		"placing twice":           {"una", "PATCH", at(r), `{"participants":[{"userId":"` + c.id("uri") + `"},{"userId":"` + c.id("uri") + `"}]}`, 400, "validation_failed", "participants[1].userId"},
		"a broker made lead":      {"una", "PATCH", people + "/" + c.id("ben"), `{"role":"lead_underwriter"}`, 422, "participant_role", "role"},
		"the last lead demoted":   {"una", "PATCH", people + "/" + c.id("una"), `{"role":"viewer"}`, 422, "last_lead", ""},
		"closing for no reason":   {"una", "PATCH", at(r), `{"status":"closed","reason":"  "}`, 400, "validation_failed", "reason"},
		"reopening an open room":  {"una", "PATCH", at(r), `{"status":"active"}`, 422, "room_state", ""},
		"a blank title":           {"una", "PATCH", at(r), `{"title":"  "}`, 400, "validation_failed", "title"},
		"a status of no room":     {"una", "PATCH", at(r), `{"status":"open"}`, 400, "validation_failed", "status"},
		"a list of no status":     {"una", "GET", "/v1/deal-rooms?status=all", ``, 400, "validation_failed", "status"},
		"a room of no id":         {"una", "GET", "/v1/deal-rooms/room_1", ``, 404, "not_found", ""},
		"half good":               {"una", "PATCH", at(r), `{"title":"Changed","participants":[{"userId":"` + c.id("bea") + `"}]}`, 404, "not_found", ""},
	} {
		got, m, _ := c.as(tt.who, tt.method, tt.path, tt.body)
		d, _ := m["details"].(map[string]any)
		if field, _ := d["field"].(string); got != tt.status || m["error"] != tt.code || field != tt.field {
			t.Errorf("%s: %d %v, want %d %s %s", name, got, m, tt.status, tt.code, tt.field)
		}
		if name == "unknown people, both" && len(d["errors"].([]any)) != 2 {
			t.Errorf("%s: %v", name, d)
		}
	}
	after := c.want(200, "una", "GET", at(r), "")
	if after["title"] != r["title"] || after["updatedAt"] != r["updatedAt"] || len(after["participants"].([]any)) != 7 {
		t.Errorf("something was changed: %v", after)
	}
}

func TestRoomsEnd(t *testing.T) {
	c := newCast(t)
	r := c.room()
	_, _, h := c.as("una", "GET", at(r), "")
	tag := h.Get("ETag")
	closed := c.want(200, "una", "PATCH", at(r), `{"title":"Bound","status":"closed","reason":"Bound."}`, "If-Match", tag)
	if closed["status"] != "closed" || closed["title"] != "Bound" || closed["closeReason"] != "Bound." || closed["closedBy"] != c.id("una") || closed["closedAt"] == nil {
		t.Errorf("closed: %v", closed)
	}
	if m := c.want(412, "ada", "PATCH", at(r), `{"status":"active"}`, "If-Match", tag); m["error"] != "stale_version" {
		t.Errorf("stale: %v", m)
	}
	if m := c.want(422, "ada", "PATCH", at(r), `{"status":"closed","reason":"Again."}`); m["error"] != "room_state" || m["details"].(map[string]any)["status"] != "closed" {
		t.Errorf("again: %v", m)
	}
	invitation := `{"email":"` + c.email("bea") + `","role":"broker"}`
	for _, change := range []struct{ method, path, body string }{
		{"POST", at(r) + "/participants", invitation},
		{"PATCH", at(r), `{"title":"After"}`},
		{"PATCH", at(r) + "/participants/" + c.id("uno"), `{"canChat":true}`},
	} {
		if m := c.want(422, "una", change.method, change.path, change.body); m["error"] != "room_closed" {
			t.Errorf("%s %s: %v", change.method, change.path, m)
		}
	}
	// Who is in a closed room can still be told to go.
	c.want(204, "una", "DELETE", at(r)+"/participants/"+c.id("bob"), "")
	c.want(404, "bob", "GET", at(r), "")
	for status, n := range map[string]int{"": 0, "?status=active": 0, "?status=closed": 1, "?status=archived": 0} {
		if got := len(c.want(200, "ben", "GET", "/v1/deal-rooms"+status, "")["data"].([]any)); got != n {
			t.Errorf("listed under %q: %d", status, got)
		}
	}
	open := c.want(200, "ada", "PATCH", at(r), `{"status":"active","title":"Again"}`)
	if open["status"] != "active" || open["closeReason"] != nil || open["closedAt"] != nil || open["title"] != "Again" {
		t.Errorf("reopened: %v", open)
	}
	c.want(201, "una", "POST", at(r)+"/participants", invitation)
	c.want(200, "una", "PATCH", at(r), `{"status":"archived"}`)
	for _, body := range []string{`{"status":"active"}`, `{"status":"closed","reason":"x"}`, `{"status":"archived"}`} {
		c.want(422, "una", "PATCH", at(r), body)
	}
	c.want(200, "bea", "GET", at(r), "")
}

func TestParticipantsComeAndGo(t *testing.T) {
	c := newCast(t)
	r := c.room()
	people := at(r) + "/participants"
	c.want(204, "ben", "DELETE", people+"/"+c.id("ben"), "")
	c.want(404, "ben", "GET", at(r), "")
	// He left by himself: his firm can bring him back, by his id.
	back := c.want(201, "bob", "POST", people, `{"userId":"`+c.id("ben")+`","role":"broker"}`)
	if back["canChat"] != true || back["invitedBy"] != c.id("bob") {
		t.Errorf("back: %v", back)
	}
	c.want(204, "una", "DELETE", people+"/"+c.id("ben"), "")
	c.want(403, "bob", "POST", people, `{"userId":"`+c.id("ben")+`","role":"broker"}`)
	c.want(201, "una", "POST", people, `{"userId":"`+c.id("ben")+`","role":"broker"}`)
	c.want(200, "ben", "GET", at(r), "")
	// What a broker may not do himself he cannot give to a colleague.
	c.want(200, "una", "PATCH", people+"/"+c.id("ben"), `{"canChat":false}`)
	if bea := c.want(201, "ben", "POST", people, `{"email":"`+c.email("bea")+`","role":"broker","canChat":true}`); bea["canChat"] != false || bea["canAnnotate"] != true {
		t.Errorf("brought: %v", bea)
	}
	// A lead may go once there is another.
	c.want(200, "una", "PATCH", at(r), `{"participants":[{"userId":"`+c.id("uri")+`","role":"lead_underwriter"},{"userId":"`+c.id("una")+`","role":"underwriter"}]}`)
	c.want(204, "una", "DELETE", people+"/"+c.id("una"), "")
	if m := c.want(422, "ada", "DELETE", people+"/"+c.id("uri"), ""); m["error"] != "last_lead" {
		t.Errorf("the last lead: %v", m)
	}
	c.want(200, "una", "GET", at(r), "") // an underwriter of the company all the same
	c.want(204, "vic", "DELETE", people+"/"+c.id("vic"), "")
	c.want(403, "vic", "GET", at(r), "") // of the company, which knows the room
	// A stopped user cannot be invited.
	c.want(204, "ada", "DELETE", "/v1/users/"+c.id("ulf"), "")
	c.want(422, "uri", "POST", people, `{"userId":"`+c.id("ulf")+`","role":"viewer"}`)
}

// heard are the types of events on a channel, as the database has them.
func (c *cast) heard(a access.Actor, channel string) []string {
	c.t.Helper()
	ch, err := c.db.As(a).Entries(c.t.Context(), channel, 0, 100)
	if err != nil {
		c.t.Fatal(err)
	}
	var types []string
	for _, e := range ch.Entries {
		b, err := eventOf(e.Payload, e.Seq)
		if err != nil {
			c.t.Fatal(err)
		}
		types = append(types, strings.TrimPrefix(b.Type, "deal_room."))
	}
	return types
}

func TestWhoHearsOfARoom(t *testing.T) {
	c := newCast(t)
	revoked := make(chan store.Entry, 100)
	c.db.OnCommit(func(_ context.Context, es []store.Entry) {
		for _, e := range es {
			if e.Revokes != "" {
				revoked <- e
			}
		}
	})
	r := c.room()
	id := parsedRoom(t, r["id"].(string))
	c.want(200, "una", "PATCH", at(r), `{"title":"New","participants":[{"userId":"`+c.id("mel")+`","canChat":false}]}`)
	c.want(200, "una", "PATCH", at(r)+"/participants/"+c.id("uri"), `{"role":"viewer"}`)
	c.want(204, "una", "DELETE", at(r)+"/participants/"+c.id("bob"), "")
	c.want(200, "una", "PATCH", at(r), `{"status":"closed","reason":"Bound."}`)
	c.want(200, "una", "PATCH", at(r), `{"status":"active"}`)
	c.want(200, "una", "PATCH", at(r), `{"status":"archived"}`)
	shared, ours, theirs := room.Shared(id, c.una.Org).Name, room.Desk(id, c.una.Org).Name, room.Desk(id, c.actors["ben"].Org).Name
	person := func(who string) string { return event.PersonChannel(c.id(who), c.actors[who].Org).Name }
	const added = "participant_added "
	for _, tt := range []struct {
		who, channel, want string
	}{
		{"una", shared, "created " + strings.Repeat(added, 7) + "updated participant_updated participant_updated participant_removed closed reopened archived"},
		{"ben", shared, "created " + strings.Repeat(added, 7) + "updated participant_updated participant_updated participant_removed closed reopened archived"},
		{"eve", shared, ""},
		{"una", ours, strings.Repeat(added, 4) + "participant_updated"},
		{"ben", ours, ""},
		{"ben", theirs, strings.Repeat(added, 3) + "participant_updated participant_removed"},
		{"una", theirs, ""},
		{"una", event.OrgChannel(c.una.Org, event.Underwriting), "submission.created created " + strings.Repeat(added, 7) + "participant_removed closed reopened archived"},
		{"ben", event.OrgChannel(c.actors["ben"].Org, event.Underwriting), ""},
		{"una", person("una"), ""},
		{"uri", person("uri"), "created closed"},
		{"ben", person("ben"), "created closed"},
		{"bob", person("bob"), "created"},
		{"ulf", person("ulf"), ""},
	} {
		if got := strings.Join(c.heard(c.actors[tt.who], tt.channel), " "); got != tt.want {
			t.Errorf("%s on %.30s:\ngot  %s\nwant %s", tt.who, tt.channel, got, tt.want)
		}
	}
	cut := map[string]string{}
	for range len(revoked) {
		e := <-revoked
		cut[e.Channel] += e.Revokes
	}
	// A viewer has no desk; one who was removed loses both, and nobody loses
	// what his company hears besides.
	if len(cut) != 3 || cut[ours] != c.id("uri") || cut[theirs] != c.id("bob") || cut[shared] != c.id("bob") {
		t.Errorf("revoked %v", cut)
	}
}

func TestOneRoomOfManyCreates(t *testing.T) {
	c := newCast(t)
	sub := c.submission()
	const n = 32
	var wg sync.WaitGroup
	type answer struct {
		status int
		body   map[string]any
	}
	answers := make(chan answer, n)
	for i := range n {
		wg.Go(func() {
			status, m, _ := c.as([]string{"una", "uri", "ada"}[i%3], "POST", "/v1/deal-rooms", `{"submissionId":"`+sub+`"}`)
			answers <- answer{status, m}
		})
	}
	wg.Wait()
	close(answers)
	made, named := "", map[any]int{}
	for a := range answers {
		switch a.status {
		case 201:
			if made != "" {
				t.Error("two rooms were made")
			}
			made = a.body["id"].(string)
		case 409:
			named[a.body["details"].(map[string]any)["roomId"]]++
		default:
			t.Errorf("%d %v", a.status, a.body)
		}
	}
	if made == "" || named[made] != n-1 {
		t.Errorf("made %s, named %v", made, named)
	}
}
