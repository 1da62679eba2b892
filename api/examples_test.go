package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// outside are the tags of operations that the story is not about: how one signs
// in, listens and is told.
var outside = []string{
	"Audit", "Authentication", "Events", "Guests", "Me", "Portal", "Realtime", "Requests",
}

// An exemplified is an operation of the document with what it shows.
type exemplified struct {
	described
	RequestBody struct{ Content map[string]sample }
	Responses   map[string]struct{ Content map[string]sample }
}

type sample struct{ Example json.RawMessage }

// json are the request and the success of an operation, where they are JSON.
func (e exemplified) json() (request, answer *sample, status int) {
	if s, ok := e.RequestBody.Content[jsonType]; ok {
		request = &s
	}
	for code := 200; code < 300; code++ {
		r, ok := e.Responses[fmt.Sprint(code)]
		if !ok {
			continue
		}
		status = code
		if s, ok := r.Content[jsonType]; ok {
			answer = &s
		}
	}
	return request, answer, status
}

// A story is the business of a few days at one company, in which every example
// is sent as it stands in the document, and answered as it stands there. Its
// clock is its own, so that an answer is the same each time but for the ids.
type story struct {
	*world
	clock   atomic.Int64
	ops     map[string]exemplified
	played  map[string]bool
	meant   map[string]string // the ids of here, by those of the document
	named   map[string]string // those of the document, by the ids of here
	chained byte
	files   map[string]map[string]example

	people map[string]access.Actor
}

// theCast are the people of the story: three of the company's underwriters, the
// administrator, and a broker of another company. Each is the user of the
// document that has his number.
var theCast = []struct{ who, name, email string }{
	{"una", "Una Reyes", "una@summit.example"}, {"ada", "Ada Stone", "ada@summit.example"}, {"uri", "Uri Novak", "uri@summit.example"},
	{"ola", "Ola Lindqvist", "ola@summit.example"}, {"ben", "Ben Ortiz", "ben@harbor.example"},
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{ops: map[string]exemplified{}, played: map[string]bool{}, meant: map[string]string{}, named: map[string]string{}, files: map[string]map[string]example{}}
	s.at("2026-03-30T14:00:00Z") // a Monday morning in New York
	now := func() time.Time { return time.Unix(0, s.clock.Load()) }
	s.world = newWorldAt(t, storetest.Open(t, store.Config{URL: storetest.URL(t), TestClocks: true, Now: now}), now)
	s.people = map[string]access.Actor{
		"una": s.una, "ada": s.ada, "uri": storetest.User(t, s.db, s.una, "Uri", access.RoleUnderwriter), "ola": storetest.User(t, s.db, s.una, "Ola", access.RoleUnderwriter),
		"ben": storetest.Org(t, s.db, "Harbor Brokers"),
	}
	s.name(s.una.Org.String())
	s.name(s.people["ben"].Org.String())
	began := now()
	storetest.SQL(t, s.db, `UPDATE org SET created_at = $1, updated_at = $1`, began)
	for i, one := range theCast {
		storetest.SQL(t, s.db, `UPDATE app_user SET email = $1, name = $2, created_at = $4, updated_at = $4 WHERE id = $3`,
			one.email, one.name, *s.people[one.who].UUID(), began.Add(time.Duration(i)*time.Second))
		s.name(s.people[one.who].ID)
	}
	var doc struct {
		Paths map[string]map[string]exemplified
	}
	_, b := s.send("", "GET", "/openapi.json", "")
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			op.Method, op.Path = strings.ToUpper(method), path
			s.ops[op.ID] = op
		}
	}
	return s
}

// at sets the clock.
func (s *story) at(when string) {
	at, err := time.Parse(time.RFC3339, when)
	if err != nil {
		panic(err)
	}
	s.clock.Store(at.UnixNano())
}

// send is call, of an answer as it is; a minute passes with it.
func (s *story) send(who, method, path, body string, header ...string) (int, []byte) {
	s.t.Helper()
	s.clock.Add(int64(time.Minute))
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if actor, ok := s.people[who]; ok {
		req.Header.Set("Authorization", "Bearer "+s.token(actor))
	} else if who == "system" {
		req.Header.Set("Authorization", "Bearer "+worldSecret)
	}
	if body != "" {
		req.Header.Set("Content-Type", jsonType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, b.Bytes()
}

// path is that of an operation with ids in it; one more of these is a query.
func (s *story) path(op exemplified, with []string) string {
	s.t.Helper()
	path := parameter.ReplaceAllStringFunc(op.Path, func(name string) string {
		if len(with) == 0 {
			s.t.Fatalf("%s: no %s", op.ID, name)
		}
		id := with[0]
		with = with[1:]
		return id
	})
	return path + strings.Join(with, "")
}

// then does what the story needs besides its examples.
func (s *story) then(who, id, body string, with ...string) map[string]any {
	s.t.Helper()
	op, ok := s.ops[id]
	if !ok {
		s.t.Fatalf("no operation is %s", id)
	}
	got, b := s.send(who, op.Method, s.path(op, with), body)
	if got/100 != 2 {
		s.t.Fatalf("%s: %s %s = %d %s", who, id, body, got, b)
	}
	var m map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &m); err != nil {
			s.t.Fatalf("%s: %v in %s", id, err, b)
		}
	}
	return m
}

// play sends the example of an operation, and compares the answer with the one
// that the document shows.
func (s *story) play(who, id string, with ...string) map[string]any {
	s.t.Helper()
	op, ok := s.ops[id]
	if !ok || s.played[id] {
		s.t.Fatalf("%s: it is an operation: %v; it was played: %v", id, ok, s.played[id])
	}
	s.played[id] = true
	request, answer, status := op.json()
	var e example
	if request != nil {
		e.Request = request.Example
	}
	path, body := s.path(op, with), string(e.Request)
	for shown, id := range s.meant {
		body = strings.ReplaceAll(body, shown, id)
	}
	var header []string
	if _, form := op.RequestBody.Content["multipart/form-data"]; form {
		body, header = strings.Replace(oneFile, "a.pdf", "loss-runs-2025.pdf", 1), formOf
	}
	got, b := s.send(who, op.Method, path, body, header...)
	if got != status {
		s.t.Fatalf("%s: %s %s %s = %d %s, want %d", who, id, path, body, got, b, status)
	}
	if answer == nil {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		s.t.Fatalf("%s: %v in %s", id, err, b)
	}
	var want any
	if answer.Example != nil {
		if err := json.Unmarshal(answer.Example, &want); err != nil {
			s.t.Fatal(err)
		}
	}
	if list, ok := m["data"].([]any); ok && len(list) == 0 {
		s.t.Errorf("%s: an empty list shows nothing", id)
	}
	s.learn(want, m)
	e.Answer = s.shown(b)
	var same any
	if err := json.Unmarshal(e.Answer, &same); err != nil {
		s.t.Fatal(err)
	}
	if id == "reset-sandbox" { // how much there is changes with all that is told of anything
		alike(want, same)
	}
	if reflect.DeepEqual(want, same) {
		e.Answer = answer.Example
	}
	if file := strings.ReplaceAll(strings.ToLower(op.tag()), " ", "-"); *update {
		if s.files[file] == nil {
			s.files[file] = map[string]example{}
		}
		s.files[file][id] = e
	} else if !reflect.DeepEqual(want, same) {
		s.t.Errorf("%s: if that is meant, write its example anew: go test ./api -run 'TestExamples|OpenAPI' -update\n%s", id, cmp.Diff(want, same))
	}
	return m
}

var namedID = regexp.MustCompile(`\b[a-z]+_[0-9A-HJKMNP-TV-Z]{26}\b`)

// learn finds out which id an id of the document stands for.
func (s *story) learn(want, got any) {
	switch got := got.(type) {
	case map[string]any:
		w, _ := want.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(got)) {
			s.learn(w[k], got[k])
		}
	case []any:
		w, _ := want.([]any)
		for i := range min(len(w), len(got)) {
			s.learn(w[i], got[i])
		}
	case string:
		w, _ := want.(string)
		shown, id := namedID.FindString(w), namedID.FindString(got)
		if kind, _, _ := strings.Cut(shown, "_"); id != "" && strings.HasPrefix(id, kind+"_") && s.meant[shown] == "" && s.named[id] == "" {
			s.meant[shown], s.named[id] = id, shown
		}
	}
}

// name is how the document calls an id.
func (s *story) name(id string) string {
	kind, _, _ := strings.Cut(id, "_")
	for n := 3; s.named[id] == ""; n++ {
		const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // of a ulid; X is the 29th
		if name := kind + "_01J8K3M4N5P6Q7R8S9T0V1W2" + digits[29+n/32:][:1] + digits[n%32:][:1]; s.meant[name] == "" {
			s.meant[name], s.named[id] = id, name
		}
	}
	return s.named[id]
}

// alike puts the numbers of an example in place of those of the answer.
func alike(want, got any) {
	w, _ := want.(map[string]any)
	g, _ := got.(map[string]any)
	for k, v := range w {
		if _, ok := g[k].(float64); ok && reflect.TypeOf(v) == reflect.TypeFor[float64]() {
			g[k] = v
		}
		alike(v, g[k])
	}
}

// chance is what is another one each time: what the log of a room is chained
// with, and the secret of a key.
var chance = regexp.MustCompile(`"(?:epoch|seed|hash)":"[0-9a-f]+"|oik_test_[0-9a-f]+|whsec_[0-9A-Za-z+/=]+`)

// ofDatabase is a time by the database's clock: the story's has whole seconds.
var ofDatabase = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`)

// shown is an answer with the ids and the time of the story in it; what is by
// chance is made up.
func (s *story) shown(answer []byte) json.RawMessage {
	answer = chance.ReplaceAllFunc(answer, func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("whsec_")) {
			return []byte("whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of twenty-four b")[:24]))
		}
		head := strings.TrimRight(string(b), `0123456789abcdef"`)
		value := string(b[len(head):])
		if strings.HasPrefix(head, "oik") {
			return []byte(head + strings.Repeat("0123456789abcdef", 4)[:len(value)])
		}
		if s.named[value] == "" {
			s.chained++
			s.named[value] = fmt.Sprintf("%x", sha256.Sum256([]byte{s.chained}))
		}
		return []byte(head + `"` + s.named[value][:len(value)-2] + `"`)
	})
	answer = ofDatabase.ReplaceAll(answer, []byte(time.Unix(0, s.clock.Load()).UTC().Format(time.RFC3339)))
	return namedID.ReplaceAllFunc(bytes.TrimSpace(answer), func(b []byte) []byte { return []byte(s.name(string(b))) })
}

// write writes what was answered into the files of the examples.
func (s *story) write() {
	s.t.Helper()
	for name, all := range s.files {
		file := "examples/" + name + ".json"
		old := map[string]example{}
		if b, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(b, &old); err != nil {
				s.t.Fatal(err)
			}
		}
		maps.Copy(old, all)
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(old); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	all := readExamples(os.DirFS("examples"))
	examples = func() map[string]example { return all } // for the document, which is written next
}

// TestExamples plays every example of the document, and complains of operations
// that have none.
func TestExamples(t *testing.T) {
	s := newStory(t)
	s.tell()
	if *update {
		s.write()
	}
	for id, op := range s.ops {
		request, answer, _ := op.json()
		switch {
		case slices.Contains(outside, op.tag()):
			continue
		case (request != nil || answer != nil) && !s.played[id]:
			t.Errorf("%s: nobody sends its example: let somebody do so in story_test.go", id)
		case !*update && (request != nil && request.Example == nil || answer != nil && answer.Example == nil):
			t.Errorf("%s has no example", id)
		}
	}
	for id := range examples() {
		if _, ok := s.ops[id]; !ok {
			t.Errorf("%s has an example, and is no operation", id)
		}
	}
}

// requestOf is the example of what an operation is sent.
func requestOf(t *testing.T, id string) string {
	t.Helper()
	e, ok := examples()[id]
	if !ok || e.Request == nil {
		t.Fatalf("%s has no example of a request", id)
	}
	return string(e.Request)
}

// What an example answers is what the schema beside it says, with nothing more.
func TestExamplesAreOfTheirSchemas(t *testing.T) {
	a := New(Deps{}, Config{})
	a.RegisterAll(Platform{Door: &Door{Tokens: &access.Tokens{}}})
	checked := 0
	for _, item := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil || examples()[op.OperationID].Answer == nil {
				continue
			}
			checked++
			var v any
			if err := json.Unmarshal(examples()[op.OperationID].Answer, &v); err != nil {
				t.Fatal(err)
			}
			var res huma.ValidateResult
			schema := op.Responses[fmt.Sprint(op.DefaultStatus)].Content[jsonType].Schema
			huma.Validate(a.huma.OpenAPI().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &res)
			for _, err := range res.Errors {
				t.Errorf("%s: %v", op.OperationID, err)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d examples", checked)
	}
}
