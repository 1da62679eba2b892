package room_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
)

// blamed is the field and rule of a fault; empty without one.
func blamed(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Fields()) == 0 {
		return ""
	}
	return f.Fields()[0].Field + " " + f.Fields()[0].Rule
}

func TestDraftCheck(t *testing.T) {
	now := time.Now()
	file, user := room.NewFileID(now), access.NewUserID(now)
	tests := []struct {
		name  string
		draft room.Draft
		want  string
	}{
		{"words", room.Draft{Body: "hello"}, ""},
		{"as many as may be", room.Draft{Body: strings.Repeat("é", room.MaxBody)}, ""},
		{"as many with space around", room.Draft{Body: " " + strings.Repeat("é", room.MaxBody) + "\n"}, ""},
		{"one too many", room.Draft{Body: strings.Repeat("e", room.MaxBody+1)}, "body maxLength"},
		{"none", room.Draft{}, "body required"},
		{"only space", room.Draft{Body: " \t\u00a0\n"}, "body required"},
		{"only a file", room.Draft{Attachments: []room.FileID{file}}, ""},
		{"NUL", room.Draft{Body: "a\x00b"}, "body format"},
		{"no UTF-8", room.Draft{Body: "a\xffb"}, "body format"},
		{"internal", room.Draft{Body: "a", Visibility: room.Internal}, ""},
		{"secret", room.Draft{Body: "a", Visibility: "secret"}, "visibility enum"},
		{"a client id", room.Draft{Body: "a", ClientID: room.NewClientID()}, ""},
		{"no client id", room.Draft{Body: "a", ClientID: "1"}, "clientId uuid"},
		{"nobody mentioned", room.Draft{Body: "a", Mentions: []access.UserID{user, {}}}, "mentions[1] id"},
		{"no file", room.Draft{Body: "a", Attachments: []room.FileID{{}}}, "attachments[0] id"},
		{"too many mentions", room.Draft{Body: "a", Mentions: make([]access.UserID, room.MaxMentions+1)}, "mentions maxItems"},
		{"too many files", room.Draft{Body: "a", Attachments: make([]room.FileID, room.MaxAttachments+1)}, "attachments maxItems"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := tt.draft.Check()
			if got := blamed(err); got != tt.want || (err == nil) != (tt.want == "") {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && (len(d.ClientID) != 36 || d.Visibility == "" || d.Body != strings.TrimSpace(d.Body)) {
				t.Errorf("draft %+v", d)
			}
		})
	}
	d, err := room.Draft{Body: "a", Mentions: []access.UserID{user, user}, Attachments: []room.FileID{file, file}}.Check()
	if err != nil || len(d.Mentions) != 1 || len(d.Attachments) != 1 {
		t.Errorf("repeated: %+v, %v", d, err)
	}
}

func TestMessageEditAndDelete(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	summit, harbor := access.NewOrgID(at), access.NewOrgID(at)
	ben := access.Actor{Kind: access.User, ID: "usr_ben", Org: harbor}
	said := room.Message{Org: summit, Channel: "room:x", Seq: 7, At: at, MessagePosted: event.MessagePosted{
		MessageID: room.NewMessageID(at).String(), Author: event.Author{ID: ben.ID, OrgID: harbor.String()}, Body: "hello", ClientID: "c",
		ReplyTo: "msg_x", Mentions: []string{"usr_x"}, Attachments: []event.Attachment{{FileID: "file_x", Name: "Loss Runs.pdf"}},
	}}
	gone, err := said.Delete(ben, false, at)
	if err != nil || gone.Body != "" || gone.ReplyTo != "" || gone.Mentions != nil || gone.Attachments != nil || gone.DeletedAt == "" ||
		gone.MessageID != said.MessageID || gone.ClientID != "c" || gone.Author != said.Author || gone.Seq != 7 {
		t.Errorf("tombstone %+v, %v", gone, err)
	}
	for _, tt := range []struct {
		name         string
		by           access.Actor
		m            room.Message
		runs         bool
		edit, delete error
	}{
		{"its author", ben, said, false, nil, nil},
		{"a colleague", access.Actor{ID: "usr_bob", Org: harbor}, said, false, room.ErrNotAuthor, room.ErrNotAuthor},
		{"who runs the author's side", access.Actor{ID: "usr_bob", Org: harbor}, said, true, room.ErrNotAuthor, nil},
		{"the lead of the other side", access.Actor{ID: "usr_una", Org: summit}, said, true, room.ErrNotAuthor, room.ErrNotAuthor},
		{"the same id elsewhere", access.Actor{ID: ben.ID, Org: summit}, said, true, room.ErrNotAuthor, room.ErrNotAuthor},
		{"a deleted one", ben, gone, false, room.ErrDeleted, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := tt.m.Edit(tt.by, " other words ", at.Add(time.Minute))
			if !errors.Is(err, tt.edit) || err == nil && (edited.Body != "other words" || edited.EditedAt != "2026-03-02T12:01:00Z" || !edited.At.Equal(at)) {
				t.Errorf("edit: %+v, %v", edited, err)
			}
			if _, err := tt.m.Delete(tt.by, tt.runs, at); !errors.Is(err, tt.delete) {
				t.Errorf("delete: %v", err)
			}
		})
	}
	payload, err := said.Payload()
	if err != nil {
		t.Fatal(err)
	}
	back, err := room.ReadMessage("room:x", 7, payload)
	if again, e := back.Payload(); err != nil || e != nil || string(again) != string(payload) || back.ID() != said.ID() {
		t.Errorf("read back: %+v, %v", back, err)
	}
	for q, want := range map[string]bool{"HELLO": true, "ell loss": true, "loss  RUNS.PDF": true, "goodbye": false, "hello goodbye": false} {
		if got := said.Matches(room.Words(q)); got != want {
			t.Errorf("%q: %t", q, got)
		}
	}
	if gone.Matches(room.Words("")) {
		t.Error("a deleted message was found")
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"loss runs.pdf":                   "loss runs.pdf",
		"../../etc/passwd":                "passwd",
		`C:\Users\me\a.pdf`:               "a.pdf",
		"":                                "file",
		"...":                             "file",
		"/":                               "file",
		"a\x00b\nc.txt":                   "ab c.txt",
		"invoice\u202efdp.exe":            "invoicefdp.exe",
		`a"b<c>|d:*?.txt`:                 "abcd.txt",
		"\xffa.txt":                       "a.txt",
		"Größe.pdf":                       "Größe.pdf",
		strings.Repeat("é", 300) + ".pdf": strings.Repeat("é", 251) + ".pdf",
		"a." + strings.Repeat("x", 300):   "a." + strings.Repeat("x", 253),
	} {
		if got := room.FileName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("a/b.pdf")
	f.Add("\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := room.FileName(s)
		if got == "" || len([]rune(got)) > 255 || strings.ContainsAny(got, "/\\\x00\n\r\"") || room.FileName(got) != got {
			t.Errorf("%q: %q", s, got)
		}
	})
}

func TestFileType(t *testing.T) {
	const office = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"
	for _, tt := range []struct{ name, head, want string }{
		{"a.pdf", "%PDF-1.7", "application/pdf"},
		{"A.PDF", "%PDF-1.7", "application/pdf"},
		{"a.pdf", "hello", ""},
		{"a.docx", "PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.docx", "%PDF-1.7", ""},
		{"a.xls", office, "application/vnd.ms-excel"},
		{"a.xls", "a,b", ""},
		{"a.csv", "a,b", "text/csv; charset=utf-8"},
		{"a.csv", "\x00\x01\x02", ""},
		{"a.html", "<html>", "text/plain; charset=utf-8"},
		{"a.svg", `<?xml version="1.0"?><svg/>`, "text/plain; charset=utf-8"},
		{"a", "%PDF-1.7", "application/pdf"},
		{"a.unknown", "\x00\x01\x02", "application/octet-stream"},
		{"a.txt", "MZ\x90", ""},
		{"a", "\x7fELF", ""},
		{"a.sh", "#!/bin/sh", ""},
	} {
		got, err := room.FileType(tt.name, []byte(tt.head))
		if got != tt.want || (tt.want == "") != errors.Is(err, room.ErrFileType) {
			t.Errorf("%s %q: %q, %v, want %q", tt.name, tt.head, got, err, tt.want)
		}
	}
}

func TestOnPageAndAnnotationChange(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, tt := range []struct {
		name       string
		x, y, w, h float64
		want       string
	}{
		{"all of it", 0, 0, 1, 1, ""}, {"a point", 1, 1, 0, 0, ""}, {"left", -0.1, 0, 0, 0, "x max"}, {"below", 0, 1.1, 0, 0, "y max"},
		{"too wide", 0.6, 0, 0.5, 0, "width max"}, {"too high", 0, 0.6, 0, 0.5, "height max"}, {"no number", nan, 0, 0, 0, "x max"},
	} {
		if _, err := room.OnPage(tt.x, tt.y, tt.w, tt.h); blamed(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	a := room.Annotation{Page: 1, Body: "Why?", Author: event.Author{ID: "usr_ben"}}
	ben, una := access.Actor{ID: "usr_ben"}, access.Actor{ID: "usr_una"}
	if _, err := a.Change(una, new("Because."), nil, at); !errors.Is(err, room.ErrNotAuthor) {
		t.Errorf("another's words: %v", err)
	}
	done, err := a.Change(una, nil, new(true), at)
	if err != nil || done.ResolvedBy != una.ID || !done.Told().Resolved {
		t.Errorf("resolved: %+v, %v", done, err)
	}
	if still, err := done.Change(ben, nil, new(true), at.Add(time.Hour)); err != nil || still.ResolvedBy != una.ID || !still.ResolvedAt.Equal(at) {
		t.Errorf("resolved twice: %+v, %v", still, err)
	}
	if back, err := done.Change(ben, new("Why not?"), new(false), at); err != nil || back.ResolvedAt != nil || back.ResolvedBy != "" || back.Body != "Why not?" {
		t.Errorf("reopened: %+v, %v", back, err)
	}
	for _, page := range []int{0, 10_001} {
		if _, err := (room.Annotation{Page: page, Body: "x"}).Check(); blamed(err) != "page max" {
			t.Errorf("page %d: %v", page, err)
		}
	}
}
