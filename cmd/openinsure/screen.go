package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	liveclient "github.com/openinsure/openinsure/clients/live"
)

// A screen shows a room as lines of text, each of one thing that happened.
type screen struct {
	zone  *time.Location
	drawn chan struct{} // closed once the room was shown

	mu     sync.Mutex // guards what follows
	out    io.Writer
	shown  bool
	away   bool // the connection is gone
	people []chatPerson
}

func newScreen(out io.Writer, zone *time.Location) *screen {
	return &screen{out: out, zone: zone, drawn: make(chan struct{})}
}

type chatAuthor struct {
	Name    string `json:"name"`
	OrgName string `json:"orgName"`
}

// String names him and his company.
func (a chatAuthor) String() string {
	if a.OrgName == "" {
		return a.Name
	}
	return a.Name + " (" + a.OrgName + ")"
}

type chatPerson struct {
	UserID string `json:"userId"`
	chatAuthor
	Role string `json:"role"`
}

// chatFact is what any event of a room may hold.
type chatFact struct {
	Author      chatAuthor `json:"author"`
	Body        string     `json:"body"`
	DeletedAt   string     `json:"deletedAt"`
	EditedAt    string     `json:"editedAt"`
	CreatedAt   time.Time  `json:"createdAt"`
	Attachments []struct {
		Name string `json:"name"`
	} `json:"attachments"`
	Seq         int64       `json:"seq"`
	UserID      string      `json:"userId"`
	Left        bool        `json:"left"`
	Participant *chatPerson `json:"participant"`
	Title       string      `json:"title"`
	Reason      string      `json:"reason"`
	Text        string      `json:"text"` // of a card
	File        struct {
		Name string `json:"name"`
	} `json:"file"`
	Annotation struct {
		Page   int        `json:"page"`
		Body   string     `json:"body"`
		Author chatAuthor `json:"author"`
	} `json:"annotation"`
}

// said is what a message says, on a line.
func (f chatFact) said() string {
	if f.DeletedAt != "" {
		return "[deleted]"
	}
	parts := []string{f.Body}
	for _, a := range f.Attachments {
		parts = append(parts, "["+a.Name+"]")
	}
	if f.EditedAt != "" {
		parts = append(parts, "[edited]")
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// show is a liveclient.Handler.
func (s *screen) show(_ context.Context, e liveclient.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case liveclient.Init:
		return s.init(e)
	case liveclient.Entry:
		return s.entry(e)
	case liveclient.Reset:
		s.line("-- some of %s was missed and cannot be shown here", e.Channel)
	case liveclient.Unsubscribed:
		if strings.HasPrefix(e.Channel, "room:") {
			return &liveclient.Refused{Code: e.Code, Message: e.Message}
		}
		s.line("-- you do not hear your company's desk: %s", e.Message)
	case liveclient.Disconnected:
		if !s.away {
			s.line("-- connection lost: %v; trying again", e.Err)
		}
		s.away = true
	}
	return nil
}

// init shows the room, the first time and after too long an absence.
func (s *screen) init(e liveclient.Init) error {
	if s.away {
		s.line("-- connected again")
	}
	s.away = false
	if err := json.Unmarshal(e.Participants, &s.people); err != nil {
		return fmt.Errorf("read the room's participants: %w", err)
	}
	if s.shown && e.Resumed {
		return nil
	}
	var room struct {
		Title  string `json:"title"`
		Status string `json:"status"`
	}
	var last []chatFact
	if err := json.Unmarshal(e.Room, &room); err != nil {
		return fmt.Errorf("read the room: %w", err)
	}
	if len(e.Messages) > 0 {
		if err := json.Unmarshal(e.Messages, &last); err != nil {
			return fmt.Errorf("read the room's messages: %w", err)
		}
	}
	s.line("== %s (%s)", room.Title, room.Status)
	s.list()
	for _, m := range last {
		s.line("%s  %s: %s", s.clock(m.CreatedAt), m.Author, m.said())
	}
	s.line("--")
	if !s.shown {
		s.shown = true
		close(s.drawn)
	}
	return nil
}

func (s *screen) entry(e liveclient.Entry) error {
	var f chatFact
	if err := json.Unmarshal(e.Event.Data, &f); err != nil {
		return fmt.Errorf("read entry %d of %s: %w", e.Seq, e.Channel, err)
	}
	at := s.clock(e.Event.Timestamp)
	if strings.HasPrefix(e.Channel, "desk:") {
		at += "  [desk]"
	}
	kind := strings.TrimPrefix(e.Event.Type, "deal_room.")
	if kind == "message_posted" {
		s.line("%s  %s: %s", at, f.Author, f.said())
		return nil
	}
	s.line("%s  * %s", at, s.sentence(kind, f))
	return nil
}

// sentence says what happened, and keeps the list of people.
func (s *screen) sentence(kind string, f chatFact) string {
	switch kind {
	case "message_edited":
		return fmt.Sprintf("%s edited message %d: %s", f.Author, f.Seq, f.said())
	case "message_deleted":
		return fmt.Sprintf("%s deleted message %d", f.Author, f.Seq)
	case "created":
		return fmt.Sprintf("%s opened the room: %s", f.Author, f.Title)
	case "updated":
		return fmt.Sprintf("%s renamed the room: %s", f.Author, f.Title)
	case "participant_added", "participant_updated":
		if f.Participant == nil {
			return kind
		}
		s.drop(f.Participant.UserID)
		s.people = append(s.people, *f.Participant)
		if kind == "participant_added" {
			return fmt.Sprintf("%s joined as %s, invited by %s", f.Participant, f.Participant.Role, f.Author)
		}
		return fmt.Sprintf("%s is %s now, by %s", f.Participant, f.Participant.Role, f.Author)
	case "participant_removed":
		who := s.drop(f.UserID)
		if f.Left {
			return who + " left"
		}
		return fmt.Sprintf("%s was removed by %s", who, f.Author)
	case "closed":
		return fmt.Sprintf("%s closed the room: %s", f.Author, f.Reason)
	case "reopened":
		return fmt.Sprintf("%s reopened the room", f.Author)
	case "archived":
		return fmt.Sprintf("%s archived the room", f.Author)
	case "file_added":
		return fmt.Sprintf("%s added %s", f.Author, f.File.Name)
	case "annotation_added":
		return fmt.Sprintf("%s remarked on page %d: %s", f.Annotation.Author, f.Annotation.Page, f.Annotation.Body)
	case "annotation_updated":
		return fmt.Sprintf("%s changed the remark on page %d: %s", f.Author, f.Annotation.Page, f.Annotation.Body)
	case "card_posted":
		return f.Text
	}
	return kind // of a newer server
}

// drop takes somebody off the list and returns his name.
func (s *screen) drop(user string) string {
	for i, p := range s.people {
		if p.UserID == user {
			s.people = append(s.people[:i:i], s.people[i+1:]...)
			return p.String()
		}
	}
	return user
}

// note shows a line of the program's own.
func (s *screen) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line("-- "+format, args...)
}

// who lists the people of the room.
func (s *screen) who() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list()
}

func (s *screen) list() {
	for _, p := range s.people {
		s.line("   %s, %s", p.chatAuthor, p.Role)
	}
}

func (s *screen) clock(t time.Time) string { return t.In(s.zone).Format("15:04:05") }

// line writes one line. Other people's text cannot break out of it or command
// the terminal.
func (s *screen) line(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ⏎ ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
	_, _ = fmt.Fprintln(s.out, text) // nobody reads any more: the input or a signal ends it
}
