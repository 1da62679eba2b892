package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	liveclient "github.com/openinsure/openinsure/clients/live"
	"github.com/openinsure/openinsure/rooms/roomtext"
)

// A screen shows a room as lines of text, each of one thing that happened.
type screen struct {
	zone  *time.Location
	drawn chan struct{} // closed once the room was shown

	mu    sync.Mutex // guards what follows
	out   io.Writer
	shown bool
	away  bool // the connection is gone
	cast  roomtext.Cast
}

func newScreen(out io.Writer, zone *time.Location) *screen {
	return &screen{out: out, zone: zone, drawn: make(chan struct{})}
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
	if err := json.Unmarshal(e.Participants, &s.cast.People); err != nil {
		return fmt.Errorf("read the room's participants: %w", err)
	}
	if s.shown && e.Resumed {
		return nil
	}
	var room struct {
		Title  string `json:"title"`
		Status string `json:"status"`
	}
	var last []roomtext.Fact
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
		s.line("%s  %s: %s", s.clock(m.CreatedAt), m.Author, m.Said())
	}
	s.line("--")
	if !s.shown {
		s.shown = true
		close(s.drawn)
	}
	return nil
}

func (s *screen) entry(e liveclient.Entry) error {
	var f roomtext.Fact
	if err := json.Unmarshal(e.Event.Data, &f); err != nil {
		return fmt.Errorf("read entry %d of %s: %w", e.Seq, e.Channel, err)
	}
	at := s.clock(e.Event.Timestamp)
	if strings.HasPrefix(e.Channel, "desk:") {
		at += "  [desk]"
	}
	mark := "* "
	if e.Event.Type == roomtext.Message {
		mark = ""
	}
	s.line("%s  %s%s", at, mark, s.cast.Sentence(e.Event.Type, f))
	return nil
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
	for _, p := range s.cast.People {
		s.line("   %s, %s", p.Author, p.Role)
	}
}

func (s *screen) clock(t time.Time) string { return t.In(s.zone).Format("15:04:05") }

// line writes one line. Other people's text cannot break out of it or command
// the terminal.
func (s *screen) line(format string, args ...any) {
	text := roomtext.Plain(fmt.Sprintf(format, args...), " ⏎ ")
	_, _ = fmt.Fprintln(s.out, text) // nobody reads any more: the input or a signal ends it
}
