package hub

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	tests := []struct {
		name, data string
		code       string // of a Refusal; "json" is errNotJSON
		id         string
	}{
		{"a subscription", `{"id":1,"type":"subscribe","channel":"room:1","since":{"epoch":"a","seq":2},"presence":true}`, "", "1"},
		{"white space around", " \n{\"id\":\"a\"}\n", "", `"a"`},
		{"a null id", `{"id":null,"type":"pong"}`, "", ""},
		{"nothing", ``, "json", ""},
		{"an array", `[]`, "json", ""},
		{"a string", `"a"`, "json", ""},
		{"two objects", `{}{}`, "json", ""},
		{"half an object", `{"id":`, "json", ""},
		{"not UTF-8", "{\"type\":\"\xff\"}", "json", ""},
		{"a channel that is a number", `{"id":7,"type":"subscribe","channel":5}`, "bad_frame", "7"},
		{"an id that is an object", `{"id":{},"type":"pong"}`, "bad_frame", ""},
		{"a long id", `{"id":"` + strings.Repeat("x", 64) + `"}`, "bad_frame", ""},
		{"a long channel", `{"id":1,"channel":"` + strings.Repeat("x", 201) + `"}`, "bad_frame", "1"},
		{"a negative since", `{"id":1,"since":{"epoch":"a","seq":-1}}`, "bad_frame", "1"},
		{"a fraction of a seq", `{"id":1,"since":{"epoch":"a","seq":1.5}}`, "bad_frame", "1"},
		{"a seq too large", `{"id":1,"seq":99999999999999999999}`, "bad_frame", "1"},
		{"a since that is a string", `{"id":1,"since":"a:1"}`, "bad_frame", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := parseRequest([]byte(tt.data))
			code := ""
			if no, ok := errors.AsType[*Refusal](err); ok {
				code = no.Code
			} else if errors.Is(err, errNotJSON) {
				code = "json"
			}
			if code != tt.code || string(q.ID) != tt.id {
				t.Errorf("code = %q, id = %s, err = %v; want %q, %s", code, q.ID, err, tt.code, tt.id)
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"type":"subscribe","channel":"room:1","since":{"epoch":"a","seq":2}}`, `{"id":"a","type":"post","body":"x"}`,
		`{"type":"pong"}`, `{"id":{}}`, `[]`, `{"seq":1e99}`, "{\"type\":\"\u2028\"}", `{"batch":true,"id":-1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := parseRequest(data)
		if errors.Is(err, errNotJSON) {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q was taken for JSON", data)
		}
		if len(q.ID) > idBytes || len(q.ID) > 0 && !json.Valid(q.ID) {
			t.Fatalf("id = %q", q.ID)
		}
		if err == nil && (q.Seq < 0 || len(q.Channel) > channelBytes) {
			t.Fatalf("%+v has no error", q)
		}
		b := answer{ID: q.ID, Type: "error", Channel: q.Channel, Message: q.Type}.body()
		if !json.Valid(b) || strings.Contains(string(b), "\n") {
			t.Fatalf("answer %q", b)
		}
	})
}

func TestInitBody(t *testing.T) {
	w := &Welcome{Channel: "room:1", Epoch: "e", Seq: 7, Fields: json.RawMessage("{\n\"room\": {\"a\":\"b\\n\"}\n}")}
	got := string(initBody("s", 25e9, w))
	want := `{"type":"init","session":"s","ping":25,"channel":"room:1","epoch":"e","seq":7,"room": {"a":"b\n"}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
