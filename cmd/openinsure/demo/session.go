package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/clients/live"
)

// Ears say which ear hears which channel. One for notices, "inbox:" before
// a person's channel, hears what his inbox got.
type ears map[string]*Ear

// inboxOf is the key in ears for the new rows of the inbox that a person's
// channel tells of.
func inboxOf(channel string) string { return "inbox:" + channel }

// take makes a receipt of an entry of a channel.
func (es ears) take(l *Ledger, who, channel string, seq int64, e envelope, at time.Time) {
	r := Receipt{
		Ear: es[channel], At: at, Event: e.ID, Type: e.Type, Name: nameOf(e.Type, e.Data), Lane: who + "'s connection, channel " + channel, Seq: seq, Data: e.Data,
	}
	if e.Type == "notification.created" {
		var n struct {
			EventID   string `json:"eventId"`
			EventType string `json:"eventType"`
		}
		if err := json.Unmarshal(e.Data, &n); err != nil {
			r.Fault = err.Error()
		}
		r.Ear, r.Event, r.Type, r.Name, r.Data = es[inboxOf(channel)], n.EventID, n.EventType, "", nil
	}
	if r.Ear == nil {
		r.Ear = &Ear{Name: who + ", channel " + channel, Way: Socket}
	}
	l.Hear(r)
}

// A session is a connection of somebody who uses the client for others to copy.
type session struct {
	who    string
	client *live.Client
	ears   ears
	ledger *Ledger
	up     chan string // channels as they come up
	reads  bool        // says how far he has read, as an app does that is looked at
}

// listen opens a connection and returns once all of ears is heard.
func (p *player) listen(ctx context.Context, who string, by caller, room string, es ears) (*session, error) {
	cfg := live.Config{URL: by.base, Credential: func(context.Context) (string, error) { return by.token, nil }, Room: room}
	for channel := range es {
		if isChannel(channel) && channel != "room:"+room {
			cfg.Channels = append(cfg.Channels, channel)
		}
	}
	client, err := live.New(cfg)
	if err != nil {
		return nil, err
	}
	s := &session{who: who, client: client, ears: es, ledger: p.ledger, up: make(chan string, len(es)), reads: room != ""}
	ended := make(chan error, 1)
	p.work.Go(func() {
		err := client.Run(p.hearing, s.handle)
		ended <- err
		if p.hearing.Err() == nil {
			p.ledger.Trouble(fmt.Sprintf("%s's connection ended: %v", who, err))
		}
	})
	return s, s.ready(ctx, ended)
}

func isChannel(key string) bool { return len(key) > 6 && key[:6] != "inbox:" }

// ready waits until every channel is heard.
func (s *session) ready(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("the channels were not opened in time"))
	defer cancel()
	missing := map[string]bool{}
	for channel := range s.ears {
		if isChannel(channel) {
			missing[channel] = true
		}
	}
	for len(missing) > 0 {
		select {
		case channel := <-s.up:
			delete(missing, channel)
		case err := <-ended:
			return fmt.Errorf("%s's connection: %w", s.who, err)
		case <-ctx.Done():
			return fmt.Errorf("%s's connection: %w", s.who, context.Cause(ctx))
		}
	}
	return nil
}

// handle is a live.Handler.
func (s *session) handle(ctx context.Context, e live.Event) error {
	switch e := e.(type) {
	case live.Init:
		s.opened(e.Channel)
	case live.Subscribed:
		s.opened(e.Channel)
	case live.Entry:
		s.ears.take(s.ledger, s.who, e.Channel, e.Seq, envelope{e.Event.ID, e.Event.Type, e.Event.Timestamp, e.Event.Data}, time.Now())
		if s.reads {
			// One that gets lost is made up for by the next.
			_ = s.client.Read(ctx, e.Channel, e.Seq)
		}
	case live.Disconnected:
		s.ledger.Trouble(fmt.Sprintf("%s's connection broke: %v", s.who, e.Err))
	case live.Reset:
		s.ledger.Trouble(fmt.Sprintf("%s was told to start %s anew: %s", s.who, e.Channel, e.Reason))
	case live.Unsubscribed:
		return &live.Refused{Code: e.Code, Message: e.Channel + ": " + e.Message}
	}
	return nil
}

func (s *session) opened(channel string) {
	select {
	case s.up <- channel:
	default: // it is open again
	}
}
