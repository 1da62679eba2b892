package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/store/storetest"
)

func (w *world) addKey(body string) map[string]any {
	w.t.Helper()
	return w.must(201, w.token(w.ada), "POST", "/v1/api-keys", body)
}

func (w *world) rotate(id, body string) map[string]any {
	w.t.Helper()
	return w.must(201, w.token(w.ada), "POST", "/v1/api-keys/"+id+"/rotate", body)
}

// listed are the ids of the keys in the list.
func (w *world) listed() []string {
	w.t.Helper()
	var ids []string
	for _, k := range w.must(200, w.token(w.ada), "GET", "/v1/api-keys", "")["data"].([]any) {
		ids = append(ids, k.(map[string]any)["id"].(string))
	}
	return ids
}

func TestRotateKey(t *testing.T) {
	w := newWorld(t)
	old := w.addKey(`{"name":"Epic","scopes":["submissions:write","policies:read"],"tier":"enterprise","expiresAt":"2099-01-01T00:00:00Z"}`)
	id, secret := old["id"].(string), old["key"].(string)
	now := time.Now()
	fresh := w.rotate(id, "")
	if fresh["id"] == id || fresh["key"] == secret || fmt.Sprint(fresh["name"], fresh["tier"], fresh["scopes"], fresh["expiresAt"]) !=
		fmt.Sprint(old["name"], old["tier"], old["scopes"], old["expiresAt"]) || fresh["lastUsedAt"] != nil || fresh["replacedBy"] != nil {
		t.Errorf("new %v, old %v", fresh, old)
	}
	for _, key := range []string{secret, fresh["key"].(string)} {
		w.must(200, key, "GET", "/v1/submissions", "")
	}
	list := w.must(200, w.token(w.ada), "GET", "/v1/api-keys", "")["data"].([]any)
	if len(list) != 2 {
		t.Fatalf("list %v", list)
	}
	row := list[1].(map[string]any)
	ends, err := time.Parse(time.RFC3339, row["expiresAt"].(string))
	if row["id"] != id || row["replacedBy"] != fresh["id"] || row["lastUsedAt"] == nil || err != nil || ends.Sub(now.Add(24*time.Hour)).Abs() > time.Minute {
		t.Errorf("replaced: %v", row)
	}
	if got := w.must(422, w.token(w.ada), "POST", "/v1/api-keys/"+id+"/rotate", ""); got["error"] != "key_replaced" || got["details"].(map[string]any)["replacedBy"] != fresh["id"] {
		t.Errorf("again: %v", got)
	}
	// Its time is over.
	storetest.SQL(t, w.db, `UPDATE api_key SET expires_at = now() WHERE replaced_by IS NOT NULL`)
	if got, m, _ := w.call(secret, "GET", "/v1/submissions", ""); got != 401 || m["error"] != "invalid_credential" {
		t.Errorf("the old key: %d %v", got, m)
	}
	if ids := w.listed(); !slices.Equal(ids, []string{fresh["id"].(string)}) {
		t.Errorf("listed %v", ids)
	}
	if n, err := w.db.EndKeys(t.Context(), time.Now()); n != 1 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	if n, err := w.db.EndKeys(t.Context(), time.Now()); n != 0 || err != nil {
		t.Errorf("ended again %d, %v", n, err)
	}
	w.must(200, fresh["key"].(string), "GET", "/v1/submissions", "")
}

func TestRotateKeyOverlap(t *testing.T) {
	w := newWorld(t)
	key := w.addKey(`{"name":"a","scopes":["policies:read"]}`)
	fresh := w.rotate(key["id"].(string), `{"overlapHours":0}`)
	if got, _, _ := w.call(key["key"].(string), "GET", "/v1/policies", ""); got != 401 {
		t.Errorf("without overlap: %d", got)
	}
	w.must(200, fresh["key"].(string), "GET", "/v1/policies", "")
	w.must(404, w.token(w.ada), "POST", "/v1/api-keys/"+key["id"].(string)+"/rotate", "")
	// The overlap does not lengthen the life of the old one.
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	short := w.addKey(`{"name":"b","scopes":["policies:read"],"expiresAt":"` + soon.Format(time.RFC3339) + `"}`)
	next := w.rotate(short["id"].(string), `{"overlapHours":168}`)
	if at := storetest.Value[time.Time](t, w.db, `SELECT expires_at FROM api_key WHERE name = 'b' AND replaced_by IS NOT NULL`); !at.Equal(soon) {
		t.Errorf("ends %v, want %v", at, soon)
	}
	storetest.SQL(t, w.db, `UPDATE api_key SET expires_at = now() WHERE name = 'b'`)
	if got := w.must(422, w.token(w.ada), "POST", "/v1/api-keys/"+next["id"].(string)+"/rotate", `{}`); got["error"] != "key_expired" {
		t.Errorf("expired: %v", got)
	}
	for _, body := range []string{`{"overlapHours":-1}`, `{"overlapHours":169}`, `{"overlapHours":1.5}`, `{"overlapHours":"1"}`, `{"scopes":["events:read"]}`} {
		if got := w.must(400, w.token(w.ada), "POST", "/v1/api-keys/"+fresh["id"].(string)+"/rotate", body); got["error"] != "validation_failed" {
			t.Errorf("%s: %v", body, got)
		}
	}
	// Only an administrator of its own company may.
	other := storetest.User(t, w.db, w.company("Other"), "Omar", "admin")
	path := "/v1/api-keys/" + fresh["id"].(string) + "/rotate"
	for name, tt := range map[string]struct {
		bearer string
		want   int
	}{"an underwriter": {w.token(w.una), 403}, "the key itself": {fresh["key"].(string), 403}, "another company": {w.token(other), 404}, "nobody": {"", 401}} {
		if got, m, _ := w.call(tt.bearer, "POST", path, ""); got != tt.want {
			t.Errorf("%s: %d %v", name, got, m)
		}
	}
	// A repeated request has the same new key, and two at once make one.
	a := w.must(201, w.token(w.ada), "POST", path, "", "Idempotency-Key", "rotate")
	if b := w.must(201, w.token(w.ada), "POST", path, "", "Idempotency-Key", "rotate"); a["key"] != b["key"] {
		t.Error("the replay has another key")
	}
	results := make(chan int, 4)
	path = "/v1/api-keys/" + a["id"].(string) + "/rotate"
	for range cap(results) {
		go func() {
			got, _, _ := w.call(w.token(w.ada), "POST", path, "")
			results <- got
		}()
	}
	made := 0
	for range cap(results) {
		if <-results == 201 {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d keys were made at once", made)
	}
	if strings.Contains(w.log.String(), fresh["key"].(string)) {
		t.Error("the log has a key")
	}
}
