package api

import (
	"strings"
	"testing"
)

func TestIdempotencyKey(t *testing.T) {
	f := newFixture(t, Config{})
	body, key := okToy+`}`, "Idempotency-Key: one"
	first := f.send(t, "POST", "/v1/toys", body, key)
	if first.status != 201 || first.header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("first: %d %v", first.status, first.header)
	}
	again := f.send(t, "POST", "/v1/toys", body, key)
	if again.status != 201 || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || f.made != 1 {
		t.Errorf("replay: %d %s, made %d", again.status, again.body, f.made)
	}
	for _, h := range []string{"ETag", "Location", "Content-Type"} {
		if again.header.Get(h) != first.header.Get(h) || first.header.Get(h) == "" {
			t.Errorf("%s: %q, then %q", h, first.header.Get(h), again.header.Get(h))
		}
	}
	if again.header.Get("X-Request-Id") == first.header.Get("X-Request-Id") {
		t.Error("a replay has its own request id")
	}
	if e := f.last(); !e.Replayed || e.Status != 201 {
		t.Errorf("recorded %+v", e)
	}
	if r := f.send(t, "POST", "/v1/toys", okToy+`,"kind":"red"}`, key); r.status != 422 || r.problem.Code != "idempotency_mismatch" {
		t.Errorf("another body: %d %s", r.status, r.body)
	}
	if r := f.send(t, "POST", "/v1/toys", body, key, "Authorization: Bearer enterprise"); r.status != 201 || r.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another principal: %d %v", r.status, r.header)
	}
	plain := f.send(t, "POST", "/v1/toys", body)
	if strings.Count(plain.body, "\n") != 1 || plain.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("with and without a key must look the same: %q", plain.body)
	}
}

func TestIdempotencyKeepsRefusalsOnly(t *testing.T) {
	for fail, want := range map[string]struct {
		status int
		kept   bool
	}{
		"broken": {422, true}, "wrapped": {404, true}, "taken": {409, false}, "unclassified": {500, false}, "down": {503, false}, "fields": {400, false},
	} {
		t.Run(fail, func(t *testing.T) {
			f := newFixture(t, Config{})
			body := okToy + `,"fail":"` + fail + `"}`
			first := f.send(t, "POST", "/v1/toys", body, "Idempotency-Key: k")
			again := f.send(t, "POST", "/v1/toys", body, "Idempotency-Key: k")
			if first.status != want.status || again.status != want.status {
				t.Fatalf("%d, then %d, want %d", first.status, again.status, want.status)
			}
			if kept := again.header.Get("Idempotent-Replayed") == "true"; kept != want.kept {
				t.Errorf("kept %v, want %v", kept, want.kept)
			}
			if want.kept {
				if again.body != first.body {
					t.Errorf("a kept refusal keeps its own request id: %s, then %s", first.body, again.body)
				}
				for _, k := range f.keys.kept {
					if !k.answer.Rollback {
						t.Error("a refusal must roll back")
					}
				}
			}
			if e := f.last(); e.ErrorCode != first.problem.Code || e.Status != want.status {
				t.Errorf("recorded %+v", e)
			}
		})
	}
}
