package api

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store/storetest"
)

// send uploads a form; each field is a name and a value, and file.<name> is a
// file.
func (p *place) send(t *testing.T, who, key string, fields ...string) (int, map[string]any) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for i := 0; i+1 < len(fields); i += 2 {
		name, isFile := strings.CutPrefix(fields[i], "file.")
		create := w.CreateFormField
		if isFile {
			create = func(string) (io.Writer, error) { return w.CreateFormFile("file", name) }
		}
		part, err := create(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, fields[i+1])
	}
	_ = w.Close()
	header := []string{"Content-Type", w.FormDataContentType()}
	if key != "" {
		header = append(header, "Idempotency-Key", key)
	}
	status, m, _ := p.call(p.bearer(who), "POST", p.url(who, "/files"), form.String(), header...)
	return status, m
}

func (p *place) upload(t *testing.T, who, name, visibility, content string) string {
	t.Helper()
	status, m := p.send(t, who, "", "visibility", visibility, "file."+name, content)
	if status != 201 {
		t.Fatalf("upload %s: %d %v", name, status, m)
	}
	return m["id"].(string)
}

// A downloaded is what a download answered.
type downloaded struct {
	StatusCode int
	Header     http.Header
}

func (p *place) download(t *testing.T, who, file string) (downloaded, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.world.url+p.url(who, "/files/"+file+"/content"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.bearer(who))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return downloaded{res.StatusCode, res.Header}, string(b)
}

const pdf = "%PDF-1.7\nsome pages"

func TestFilesOfARoom(t *testing.T) {
	p := newPlace(t)
	status, m := p.send(t, "ben", "", "file.../Loss runs\u202e.pdf", pdf)
	if status != 201 || m["name"] != "Loss runs.pdf" || m["contentType"] != "application/pdf" || m["visibility"] != "shared" || m["size"] != 19.0 ||
		m["sha256"] == "" || m["author"].(map[string]any)["orgName"] != "Harbor" {
		t.Fatalf("%d %v", status, m)
	}
	shared := m["id"].(string)
	res, body := p.download(t, "una", shared)
	if body != pdf || res.Header.Get("Content-Type") != "application/pdf" || res.Header.Get("Content-Disposition") != `attachment; filename="Loss runs.pdf"` ||
		res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%q %v", body, res.Header)
	}
	page := p.upload(t, "una", "page.html", "shared", "<html><script>alert(1)</script>")
	if res, _ := p.download(t, "ben", page); res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("a page is %s", res.Header.Get("Content-Type"))
	}
	ours, theirs := p.upload(t, "una", "ours.txt", "internal", "ours"), p.upload(t, "ben", "theirs.txt", "internal", "theirs")
	for _, tt := range []struct {
		who, file string
		status    int
	}{
		{"una", ours, 200}, {"ulf", ours, 200}, {"abe", ours, 200}, {"ben", ours, 404}, {"vic", ours, 404}, {"writing key", ours, 404}, {"system", ours, 404}, {"eve", ours, 404},
		{"ben", theirs, 200}, {"bob", theirs, 200}, {"vic", theirs, 404}, {"una", theirs, 404}, {"ada", theirs, 404}, {"system", theirs, 404}, {"bea", theirs, 404},
		{"vic", shared, 200}, {"writing key", shared, 200}, {"system", shared, 200}, {"eve", shared, 404}, {"bea", shared, 404}, {"nobody", shared, 401},
	} {
		if res, _ := p.download(t, tt.who, tt.file); res.StatusCode != tt.status {
			t.Errorf("%s downloads: %d, want %d", tt.who, res.StatusCode, tt.status)
		}
		if got, m := p.do(tt.who, "GET", "/files/"+tt.file, ""); got != tt.status {
			t.Errorf("%s: %d %v, want %d", tt.who, got, m, tt.status)
		}
	}
	for who, n := range map[string]int{"una": 3, "abe": 3, "ben": 3, "vic": 2, "writing key": 2, "system": 2} {
		if data := p.want(200, who, "GET", "/files", "")["data"].([]any); len(data) != n {
			t.Errorf("%s lists %d, want %d", who, len(data), n)
		}
	}
	if m := p.want(200, "una", "GET", "/files?limit=1", ""); m["hasMore"] != true || m["nextCursor"] == "" {
		t.Errorf("a page: %v", m)
	}
	for who, want := range map[string]int{"uno": 403, "vic": 403, "bea": 404, "eve": 404, "reading key": 403, "nobody": 401, "writing key": 201, "system": 201} {
		if got, m := p.send(t, who, "", "file.x.txt", "x"); got != want {
			t.Errorf("%s uploads: %d %v, want %d", who, got, m, want)
		}
	}
	for who, want := range map[string]int{"uno": 201, "abe": 403, "vic": 403, "writing key": 403, "system": 403} {
		if got, m := p.send(t, who, "", "file.x.txt", "x", "visibility", "internal"); got != want {
			t.Errorf("%s uploads to the desk: %d %v, want %d", who, got, m, want)
		}
	}
	types := p.want(200, "ben", "GET", "/transcript", "")["manifest"].(map[string]any)["types"].(map[string]any)
	if types["deal_room.file_added"] != 4.0 {
		t.Errorf("told: %v", types)
	}
	storetest.SQL(t, p.db, `UPDATE room SET status = 'closed'`)
	if got, m := p.send(t, "ben", "", "file.x.txt", "x"); got != 422 || m["error"] != "room_closed" {
		t.Errorf("closed: %d %v", got, m)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	p := newPlace(t)
	for _, tt := range []struct {
		name   string
		fields []string
		status int
		code   string
	}{
		{"no file", []string{"visibility", "shared"}, 400, "validation_failed"},
		{"empty", []string{"file.a.txt", ""}, 400, "validation_failed"},
		{"two files", []string{"file.a.txt", "a", "file.b.txt", "b"}, 400, "validation_failed"},
		{"unknown field", []string{"file.a.txt", "a", "colour", "red"}, 400, "validation_failed"},
		{"no visibility", []string{"visibility", "secret", "file.a.txt", "a"}, 400, "validation_failed"},
		{"a program", []string{"file.a.txt", "MZ\x90\x00"}, 422, "file_type"},
		{"no picture", []string{"file.a.png", pdf}, 422, "file_type"},
		{"too large", []string{"file.a.bin", strings.Repeat("x", room.MaxFile+1)}, 413, "body_too_large"},
		{"far too large", []string{"file.a.bin", strings.Repeat("x", room.MaxFile+1<<20)}, 413, "body_too_large"},
	} {
		if got, m := p.send(t, "ben", "", tt.fields...); got != tt.status || m["error"] != tt.code {
			t.Errorf("%s: %d %v, want %d %s", tt.name, got, m, tt.status, tt.code)
		}
	}
	if m := p.want(415, "ben", "POST", "/files", `{}`); m["error"] != "unsupported_media_type" {
		t.Errorf("JSON: %v", m)
	}
	if got, m, _ := p.call(p.as["ben"], "POST", p.path+"/files", "--x\r\nbroken", "Content-Type", "multipart/form-data; boundary=x"); got != 400 || m["error"] != "malformed_body" {
		t.Errorf("broken: %d %v", got, m)
	}
	if got, m, _ := p.call(p.as["ben"], "POST", p.path+"/files", "x", "Content-Type", "multipart/form-data"); got != 400 {
		t.Errorf("no boundary: %d %v", got, m)
	}
	if data := p.want(200, "ben", "GET", "/files", "")["data"].([]any); len(data) != 0 {
		t.Errorf("%d files were added", len(data))
	}
	if n := p.stored(t); n != 0 {
		t.Errorf("bytes of %d files were left", n)
	}
	if got, _ := p.send(t, "ben", "", "file.a.bin", strings.Repeat("x", room.MaxFile)); got != 201 {
		t.Errorf("as large as may be: %d", got)
	}
}

// stored counts what is in the file store.
func (p *place) stored(t *testing.T) int {
	t.Helper()
	n := 0
	for it := p.files.List(nil); ; n++ {
		if _, err := it.Next(t.Context()); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestUploadOnceUnderAKey(t *testing.T) {
	p := newPlace(t)
	_, first := p.send(t, "ben", "k", "file.a.txt", "a")
	status, again := p.send(t, "ben", "k", "file.a.txt", "a")
	if status != 201 || again["id"] != first["id"] || first["id"] == nil {
		t.Errorf("replayed: %d %v, first %v", status, again, first)
	}
	if status, m := p.send(t, "ben", "k", "file.a.txt", "b"); status != 422 || m["error"] != "idempotency_key_reused" {
		t.Errorf("other bytes: %d %v", status, m)
	}
	if n := p.stored(t); n != 1 {
		t.Errorf("%d files are stored, want 1", n)
	}
}

func TestAnnotations(t *testing.T) {
	p := newPlace(t)
	shared, internal := p.upload(t, "una", "a.pdf", "shared", pdf), p.upload(t, "una", "b.pdf", "internal", pdf)
	note := func(file, rest string) string {
		return `{"fileId":"` + file + `","page":2,"x":0.12,"y":0.3,"width":0.25,"height":0.05,"body":"Still open?"` + rest + `}`
	}
	for name, tt := range map[string]struct{ body, field, rule string }{
		"an internal file": {note(internal, ""), "fileId", "exists"},
		"no file":          {note("file_x", ""), "fileId", "id"},
		"off the page":     {strings.Replace(note(shared, ""), `"x":0.12`, `"x":0.9`, 1), "width", "max"},
		"no page":          {strings.Replace(note(shared, ""), `"page":2`, `"page":0`, 1), "page", "min"},
		"no words":         {strings.Replace(note(shared, ""), "Still open?", " ", 1), "body", "required"},
		"too many words":   {strings.Replace(note(shared, ""), "Still open?", strings.Repeat("x", 4001), 1), "body", "maxLength"},
	} {
		m := p.want(400, "una", "POST", "/annotations", tt.body)
		if d := m["details"].(map[string]any); d["field"] != tt.field || d["rule"] != tt.rule {
			t.Errorf("%s: %v", name, m)
		}
	}
	a := p.want(201, "ben", "POST", "/annotations", note(shared, ""))
	if a["x"] != 0.12 || a["width"] != 0.25 || a["resolved"] != false || a["author"].(map[string]any)["id"] != p.Ben.ID {
		t.Errorf("made: %v", a)
	}
	path := "/annotations/" + a["id"].(string)
	p.want(403, "una", "PATCH", path, `{"body":"mine"}`)
	p.want(403, "vic", "PATCH", path, `{"resolved":true}`)
	p.want(404, "eve", "PATCH", path, `{"resolved":true}`)
	p.want(404, "una", "PATCH", "/annotations/ann_x", `{"resolved":true}`)
	if m := p.want(200, "una", "PATCH", path, `{"resolved":true}`); m["resolved"] != true || m["resolvedBy"] != p.Una.ID {
		t.Errorf("resolved: %v", m)
	}
	p.must(412, p.as["ben"], "PATCH", p.path+path, `{"body":"Closed."}`, "If-Match", `"1"`)
	if m := p.must(200, p.as["ben"], "PATCH", p.path+path, `{"body":"Closed."}`, "If-Match", `"2"`); m["body"] != "Closed." || m["resolved"] != true {
		t.Errorf("changed: %v", m)
	}
	p.want(201, "una", "POST", "/annotations", note(shared, ""))
	for query, n := range map[string]int{"": 2, "?resolved=true": 1, "?resolved=false": 1, "?fileId=" + shared: 2, "?fileId=" + internal: 0, "?limit=1": 1} {
		if data := p.want(200, "vic", "GET", "/annotations"+query, "")["data"].([]any); len(data) != n {
			t.Errorf("list%s: %d, want %d", query, len(data), n)
		}
	}
	types := p.want(200, "ben", "GET", "/transcript", "")["manifest"].(map[string]any)["types"].(map[string]any)
	if types["deal_room.annotation_added"] != 2.0 || types["deal_room.annotation_updated"] != 2.0 {
		t.Errorf("told: %v", types)
	}
}
