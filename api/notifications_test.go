package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store/storetest"
)

// tell puts a notice into the inbox of one of the cast.
func (c *cast) tell(who, category string, words map[string]push.Words) string {
	c.t.Helper()
	b, err := json.Marshal(words)
	if err != nil {
		c.t.Fatal(err)
	}
	id := storetest.Value[[16]byte](c.t, c.db, `INSERT INTO notification (org_id, subject, event_id, type, category, about, link, words, expires_at)
		VALUES ($1, $2, new_ulid(), 'policy.bound', $3, 'pol_1', '/policies/pol_1', $4, now()) RETURNING id`, c.actors[who].Org.UUID(), c.id(who), category, b)
	return push.NoticeID(id).String()
}

var bothWords = map[string]push.Words{"en": {Title: "Bound", Body: "Your policy is bound."}, "es": {Title: "Emitida", Body: "Su póliza fue emitida."}}

func TestInbox(t *testing.T) {
	for _, who := range []string{"una", "pat"} {
		t.Run(who, func(t *testing.T) {
			c := newPeople(t)
			path := c.own(who) + "/notifications"
			if m := c.want(200, who, "GET", path, ""); len(rows(m)) != 0 || m["unread"] != 0.0 || m["hasMore"] != false {
				t.Errorf("an empty inbox: %v", m)
			}
			var ids []string
			for i := range 5 {
				ids = append(ids, c.tell(who, []string{"policies", "billing"}[i%2], bothWords))
			}
			c.tell(map[string]string{"una": "uri", "pat": "pia"}[who], "policies", bothWords)
			slices.Reverse(ids)
			first := rows(c.want(200, who, "GET", path, ""))[0].(map[string]any)
			for name, want := range map[string]any{
				"id": ids[0], "type": "policy.bound", "category": "policies", "title": "Bound", "body": "Your policy is bound.", "about": "pol_1",
				"link": "/policies/pol_1", "urgent": false, "readAt": nil,
			} {
				if got, there := first[name]; got != want || !there {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if !strings.HasPrefix(first["eventId"].(string), "evt_") || first["createdAt"] == nil {
				t.Errorf("%v", first)
			}
			c.listed(who, path, 5, ids)

			read := c.want(200, who, "POST", path+"/"+ids[1]+"/read", "")
			if read["id"] != ids[1] || read["readAt"] == nil || read["title"] != "Bound" {
				t.Errorf("read %v", read)
			}
			if again := c.want(200, who, "POST", path+"/"+ids[1]+"/read", ""); again["readAt"] != read["readAt"] {
				t.Errorf("read again at %v, first at %v", again["readAt"], read["readAt"])
			}
			c.listed(who, path+"?unread=true", 4, []string{ids[0], ids[2], ids[3], ids[4]})
			c.listed(who, path+"?unread=false", 4, ids)
			c.listed(who, path+"?category=billing", 4, []string{ids[1], ids[3]})
			c.listed(who, path+"?category=billing&unread=true", 4, []string{ids[3]})
			c.listed(who, path+"?category=claims", 4, nil)
			if m := c.want(200, who, "POST", path+"/read-all", ""); m["read"] != 4.0 {
				t.Errorf("all read: %v", m)
			}
			if m := c.want(200, who, "POST", path+"/read-all", ""); m["read"] != 0.0 {
				t.Errorf("all read again: %v", m)
			}
			c.listed(who, path+"?unread=true", 0, nil)
			if still := c.want(200, who, "POST", path+"/"+ids[1]+"/read", ""); still["readAt"] != read["readAt"] {
				t.Errorf("read-all changed when something was read: %v", still)
			}
			if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM notification WHERE read_at IS NULL`); n != 1 {
				t.Errorf("%d of a colleague are unread", n)
			}
		})
	}
}

// listed checks what an inbox has, page by page.
func (c *cast) listed(who, path string, unread float64, want []string) {
	c.t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var got []string
	for cursor, pages := "", 0; pages < 9; pages++ {
		m := c.want(200, who, "GET", path+separator+"limit=2&cursor="+cursor, "")
		if m["unread"] != unread {
			c.t.Errorf("%s: %v unread, want %v", path, m["unread"], unread)
		}
		for _, n := range rows(m) {
			got = append(got, n.(map[string]any)["id"].(string))
		}
		if m["hasMore"] == false {
			break
		}
		cursor = m["nextCursor"].(string)
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %v, want %v", path, got, want)
	}
}

// TestInboxIsHisOwn: another's notice is not there, neither to list nor to read,
// and a side has nothing of the other.
func TestInboxIsHisOwn(t *testing.T) {
	c := newPeople(t)
	c.addKey("all", Scopes...)
	ids := map[string]string{}
	for _, who := range []string{"una", "pat"} {
		ids[who] = c.tell(who, "policies", bothWords)
	}
	for who, whose := range map[string][]string{"uri": {"una", "pat"}, "ada": {"una", "pat"}, "ben": {"una", "pat"}, "una": {"pat"}, "pia": {"pat", "una"}, "pol": {"pat", "una"}, "pat": {"una"}} {
		for _, other := range whose {
			c.want(404, who, "POST", c.own(who)+"/notifications/"+ids[other]+"/read", "")
		}
		if who != "una" && who != "pat" {
			if m := c.want(200, who, "GET", c.own(who)+"/notifications", ""); len(rows(m)) != 0 || m["unread"] != 0.0 {
				t.Errorf("%s lists %v", who, m)
			}
			if m := c.want(200, who, "POST", c.own(who)+"/notifications/read-all", ""); m["read"] != 0.0 {
				t.Errorf("%s read %v", who, m)
			}
		}
	}
	if n := storetest.Value[int](t, c.db, `SELECT count(*) FROM notification WHERE read_at IS NULL`); n != 2 {
		t.Errorf("%d are unread", n)
	}
	for path, code := range map[string]string{"/v1/me": "user_required", "/v1/portal": "insured_required"} {
		others := map[string][]string{"/v1/me": {"pat", "all", "key", "system"}, "/v1/portal": {"una", "ada", "ben", "all", "key", "system"}}[path]
		for _, who := range others {
			for _, call := range []struct{ method, path, body string }{
				{"GET", "/notifications", ""}, {"POST", "/notifications/read-all", ""}, {"POST", "/notifications/" + ids["una"] + "/read", ""},
				{"GET", "/preferences", ""}, {"PUT", "/preferences", "{}"},
			} {
				if m := c.want(403, who, call.method, path+call.path, call.body); m["error"] != code {
					t.Errorf("%s: %s %s: %v", who, call.method, path+call.path, m)
				}
			}
		}
		for _, call := range []struct{ method, path string }{{"GET", "/notifications"}, {"POST", "/notifications/read-all"}, {"GET", "/preferences"}, {"PUT", "/preferences"}} {
			c.want(401, "nobody", call.method, path+call.path, "")
		}
	}
}

// TestInboxSpeaksHisLanguage: what he chose counts, then what his program asks
// for, then English.
func TestInboxSpeaksHisLanguage(t *testing.T) {
	c := newPeople(t)
	id := c.tell("una", "policies", bothWords)
	c.tell("una", "policies", map[string]push.Words{"en": {Title: "Only in English", Body: "."}})
	for name, tt := range map[string]struct{ locale, accept, want string }{
		"nothing said":                {"", "", "Bound"},
		"asked for":                   {"", "es", "Emitida"},
		"asked for, of a country":     {"", "es-MX,es;q=0.9,en;q=0.8", "Emitida"},
		"the better one of two":       {"", "en;q=0.5, es;q=0.7", "Emitida"},
		"the first that there is":     {"", "fr-CA, es;q=0.5, en;q=0.3", "Emitida"},
		"English first":               {"", "en-US, es;q=0.5", "Bound"},
		"what nobody translated":      {"", "fr", "Bound"},
		"anything":                    {"", "*", "Bound"},
		"nonsense":                    {"", "!!, ;;q=x", "Bound"},
		"chosen":                      {"es", "", "Emitida"},
		"chosen against the program":  {"es-419", "en", "Emitida"},
		"chosen English":              {"en-GB", "es", "Bound"},
		"chosen, but not translated":  {"fr", "es", "Bound"},
		"chosen, of a script as well": {"es-Latn-US", "en", "Emitida"},
	} {
		c.want(200, "una", "PUT", "/v1/me/preferences", fmt.Sprintf(`{"locale":%q}`, tt.locale))
		list := rows(c.want(200, "una", "GET", "/v1/me/notifications", "", "Accept-Language", tt.accept))
		if got := list[1].(map[string]any)["title"]; got != tt.want {
			t.Errorf("%s: listed %v, want %v", name, got, tt.want)
		}
		if got := list[0].(map[string]any)["title"]; got != "Only in English" {
			t.Errorf("%s: %v", name, got)
		}
		if m := c.want(200, "una", "POST", "/v1/me/notifications/"+id+"/read", "", "Accept-Language", tt.accept); m["title"] != tt.want {
			t.Errorf("%s: read %v, want %v", name, m["title"], tt.want)
		}
	}
}

func TestInboxBadInput(t *testing.T) {
	c := newPeople(t)
	for query, field := range map[string]string{"unread=perhaps": "unread", "category=weather": "category", "limit=0": "limit", "limit=101": "limit", "cursor=x": "cursor", "since=1": "since"} {
		for _, who := range []string{"una", "pat"} {
			m := c.want(400, who, "GET", c.own(who)+"/notifications?"+query, "")
			if got := m["details"].(map[string]any)["field"]; got != field {
				t.Errorf("%s: %v", query, m)
			}
		}
	}
	for _, id := range []string{"ntf_nonsense", "ntf_01J8K3M4N5P6Q7R8S9T0V1W2X3", c.id("una"), "read-everything"} {
		c.want(404, "una", "POST", "/v1/me/notifications/"+id+"/read", "")
		c.want(404, "pat", "POST", "/v1/portal/notifications/"+id+"/read", "")
	}
}

// TestInboxCountsUpToANumber: an inbox of any size costs as much as one of that
// number.
func TestInboxCountsUpToANumber(t *testing.T) {
	c := newPeople(t)
	storetest.SQL(t, c.db, `INSERT INTO notification (org_id, subject, event_id, type, category, about, words, expires_at)
		SELECT $1, $2, new_ulid(), 'policy.bound', 'policies', 'pol_1', '{"en":{"title":"t","body":"b"}}', now() FROM generate_series(1, $3::int)`,
		c.una.Org.UUID(), c.id("una"), push.MostUnread+10)
	if m := c.want(200, "una", "GET", "/v1/me/notifications?limit=1", ""); m["unread"] != float64(push.MostUnread) {
		t.Errorf("%v unread", m["unread"])
	}
	if m := c.want(200, "una", "POST", "/v1/me/notifications/read-all", ""); m["read"] != float64(push.MostUnread+10) {
		t.Errorf("%v", m)
	}
}
