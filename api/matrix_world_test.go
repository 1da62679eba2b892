package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// The principals of the matrix, as docs/permissions.md names them. The people of
// a room are asked about rooms alone.
var (
	everybody = []string{"nobody", "admin", "underwriter", "broker", "auditor", "finance", "adjuster", "compliance", "key", "key without scope", "system", "insured", "other insured", "guest"}
	ofRooms   = []string{"lead", "participant", "viewer", "partner", "partner's manager", "partner's colleague"}
)

// A scene is two companies on one server, each with everybody of the matrix and
// with its own things.
type scene struct {
	*world
	home, away *tenant
	page       string // the cookie of a page on which guests join
	asked      int
}

// A tenant is one company of a scene, with the firm that it deals with.
type tenant struct {
	*scene
	name    string
	org     access.OrgID
	actors  map[string]access.Actor
	bearers map[string]string
	things  map[string]string // what calls are about, by its name and whose it is
	lobby   string            // the room that the guest is in
	number  int
	line    int // how many lines of business were named
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return newSceneOn(t, storetest.New(t))
}

func newSceneOn(t *testing.T, db *store.DB) *scene {
	t.Helper()
	s := &scene{world: newWorldOn(t, db)}
	res, err := http.Get(s.url + "/rooms/join") //nolint:noctx // of the test's own server
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	s.page, _, _ = strings.Cut(res.Header.Get("Set-Cookie"), ";")
	s.home, s.away = s.tenant("Summit"), s.tenant("Other")
	return s
}

// tenant hires a company with everybody of the matrix.
func (s *scene) tenant(name string) *tenant {
	s.t.Helper()
	una, ben := s.company(name), storetest.Org(s.t, s.db, name+" Harbor")
	c := &tenant{scene: s, name: name, org: una.Org, actors: map[string]access.Actor{"lead": una, "partner": ben}, bearers: map[string]string{}, things: map[string]string{}}
	for who, role := range map[string]string{
		"admin": "admin", "underwriter": "underwriter", "broker": "broker", "auditor": "auditor",
		"finance": "finance", "adjuster": "adjuster", "compliance": "compliance",
		"participant": "underwriter", "viewer": "broker", "seated": "underwriter", "hired": "underwriter",
	} {
		c.actors[who] = storetest.User(s.t, s.db, una, name+" "+who, role)
	}
	for who, role := range map[string]string{"partner's manager": "admin", "partner's colleague": "broker", "partner's seated": "broker"} {
		c.actors[who] = storetest.User(s.t, s.db, ben, name+" "+who, role)
	}
	for who, a := range c.actors {
		c.bearers[who] = s.token(a)
	}
	c.bearers["nobody"], c.bearers["system"] = "", worldSecret
	for who, email := range map[string]string{"insured": "pat", "other insured": "pia"} {
		s.bind(una, email+"@"+name+".example")
		p := access.PersonID(storetest.Value[[16]byte](s.t, s.db, `SELECT id FROM person WHERE lower(email) = lower($1)`, email+"@"+name+".example"))
		c.actors[who] = access.Actor{Kind: access.Insured, ID: p.String(), Org: una.Org}
		c.bearers[who] = s.token(c.actors[who])
	}
	c.lobby = c.thing("lead", "room")
	delete(c.things, "room")
	link := c.invite(c.lobby)
	got, b := c.ask("nobody", "POST", "/auth/guest/enter", fmt.Sprintf(`{"link":%q,"name":"Gus"}`, link), c.ofPage()...)
	if got != 200 {
		s.t.Fatalf("a guest enters: %d %s", got, b)
	}
	c.bearers["guest"] = c.field(b, "token")
	c.actors["guest"] = access.Actor{Kind: access.Guest, ID: c.field(b, "userId"), Org: una.Org, Room: c.lobby}
	return c
}

// ofPage are the headers of a request that a page of ours sends.
func (s *scene) ofPage() []string {
	return []string{"Cookie", s.page, "Origin", s.url, "Sec-Fetch-Site", "same-origin"}
}

func (s *scene) field(b []byte, name string) string {
	s.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		s.t.Fatalf("%s: %s", err, b)
	}
	v, ok := m[name].(string)
	if !ok {
		s.t.Fatalf("no %s in %s", name, b)
	}
	return v
}

// keyOf is a key of the company with scopes, made once.
func (c *tenant) keyOf(scopes ...string) string {
	c.t.Helper()
	name := "key " + strings.Join(scopes, " ")
	if c.bearers[name] == "" {
		b, err := json.Marshal(map[string]any{"name": "k", "scopes": scopes})
		if err != nil {
			c.t.Fatal(err)
		}
		c.bearers[name] = c.must(201, c.bearers["admin"], "POST", "/v1/api-keys", string(b))["key"].(string)
	}
	return c.bearers[name]
}

// with is the credential of a principal for an operation that asks for a scope.
func (c *tenant) with(who, scope string) string {
	switch {
	case who == "key" && scope != "":
		return c.keyOf(scope)
	case who == "key":
		return c.keyOf(Scopes...)
	case who == "key without scope" && scope == "":
		return c.keyOf("coi:generate")
	case who == "key without scope":
		resource, _, _ := strings.Cut(scope, ":")
		rest := slices.Clone(Scopes)
		rest = slices.DeleteFunc(rest, func(s string) bool { return s == scope || s == resource+":write" })
		return c.keyOf(rest...)
	}
	return c.bearers[who]
}

// ask calls with the credential of a principal and answers status and body.
func (c *tenant) ask(who, method, path, body string, header ...string) (int, []byte) {
	c.t.Helper()
	return c.send(c.bearers[who], method, path, body, header...)
}

func (c *tenant) send(bearer, method, path, body string, header ...string) (int, []byte) {
	c.t.Helper()
	if bearer == worldSecret && strings.HasPrefix(path, "/v1/") && !strings.Contains(path, "orgId=") {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + "orgId=" + c.org.String()
	}
	ctx, cancel := context.WithTimeoutCause(c.t.Context(), patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	// Every request comes from another address: no limit is the matrix's subject.
	c.asked++
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", c.asked>>8&255, c.asked&255))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, bytes.TrimSpace(b)
}

// patience is for how long an answer is waited for: what hangs is a failure.
const patience = 20 * time.Second

// done is ask, for one who must succeed.
func (c *tenant) done(who, method, path, body string, header ...string) []byte {
	c.t.Helper()
	got, b := c.ask(who, method, path, body, header...)
	if got >= 300 {
		c.t.Fatalf("%s: %s %s %s = %d %s", who, method, path, body, got, b)
	}
	return b
}

// personal are the things that everybody has of his own.
var personal = []string{"browser", "device", "notice", "push token", "portal notice", "session"}

// owner is whose thing a principal asks for: his own, or that of somebody whose
// he has no business with.
func owner(who, name string) string {
	switch {
	case name == "push token" || name == "portal notice" || name == "session":
		return "insured" // also when the other one asks
	case !slices.Contains(personal, name):
		return ""
	case slices.Contains([]string{"nobody", "key", "key without scope", "system", "insured", "other insured", "guest"}, who):
		return "admin"
	}
	return who
}

// thing is the id of what a call of a principal is about, made when it is not
// there.
func (c *tenant) thing(who, name string) string {
	c.t.Helper()
	if name == "room" && who == "guest" {
		return c.lobby
	}
	of := owner(who, name)
	key := name
	switch {
	case of != "":
		key += " of " + of
	case name == "self":
		of = who
		key += " of " + of
	case name == "others message":
		if of = "participant"; who == of {
			of = "lead"
		}
		if who == "guest" {
			key += " of guest"
		}
		key += " of " + of
	case who == "guest" && slices.Contains([]string{"file", "annotation", "message", "invitation"}, name):
		key += " of guest"
	case name == "message":
		of = author(who)
		key += " of " + of
	}
	if c.things[key] == "" {
		m, ok := makers()[name]
		if !ok {
			c.t.Fatalf("nothing is known of {%s}: add it to makers in matrix_things_test.go", name)
		}
		c.things[key] = m(c, who, of)
	}
	return c.things[key]
}

// author is who has written what a principal wants to change: he himself, if he
// may write.
func author(who string) string {
	if slices.Contains([]string{"participant", "partner", "guest"}, who) {
		return who
	}
	return "lead"
}

// first is the id of the first of a list.
func (c *tenant) first(who, path string) string {
	c.t.Helper()
	var list struct{ Data []struct{ ID string } }
	b := c.done(who, "GET", path, "")
	if err := json.Unmarshal(b, &list); err != nil || len(list.Data) == 0 {
		c.t.Fatalf("%s: %s %v", path, b, err)
	}
	return list.Data[0].ID
}

// fill puts the things of the company, as a principal has them, in place of
// their names.
func (c *tenant) fill(who, text string) string {
	c.t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(name string) string { return c.thing(who, name[1:len(name)-1]) })
}
