package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// Live is what the hub asks: it translates between frames and use cases, as the
// handlers do between HTTP and use cases.
type Live struct {
	Platform Platform
	Posts    *store.Poster
	Refusals Refusals // nil: nobody is told
}

var _ hub.App = (*Live)(nil)

// Denied tells the audit log of what an open connection was refused, or lost.
func (l *Live) Denied(d hub.Denial) {
	if l.Refusals == nil {
		return
	}
	by := callerOf(d.Principal).Actor
	f := audit.Fact{Action: audit.Permission, Outcome: audit.Refused, Reason: d.Code}
	switch {
	case d.Frame == "":
		f.Action = audit.SessionCut
	case d.Code == codeToken:
		f.Action, f.Details = audit.Authenticate, audit.Details{"frame": d.Frame}
	default:
		f.Details = audit.Details{"frame": d.Frame}
	}
	// What a client calls a channel is kept only when it is one.
	if id, _, ok := room.ParseChannel(d.Channel); ok {
		f.Object = id.String()
	} else if sort, name, _ := strings.Cut(d.Channel, ":"); (sort == "org" || sort == "person") && idShape.MatchString(strings.SplitN(name, ":", 2)[0]) {
		f.Object = strings.SplitN(name, ":", 2)[0]
	}
	row := audit.New(by, f, l.Platform.Now())
	row.Address = d.Principal.Address
	l.Refusals.Refused(row)
}

// A caller is who opened a connection, and the one room that it is for; with
// none it is for everything that he may hear.
type caller struct {
	access.Actor
	room string
}

func callerOf(p hub.Principal) caller {
	c, _ := p.Actor.(caller)
	return c
}

var errOtherRoom = fault.New(fault.Forbidden, "ticket_room", "This connection was opened for one room only.")

// Authorize implements hub.App. A principal who is nobody any more is refused
// with the code token.
func (l *Live) Authorize(ctx context.Context, p hub.Principal, channel string) (hub.Rights, error) {
	c := callerOf(p)
	// Looked up anew: a session must not outlive a user who was stopped.
	by, err := l.Platform.Door.Still(ctx, c.Actor)
	if err != nil {
		return hub.Rights{}, refusal(err)
	}
	if id, _, ok := room.ParseChannel(channel); c.room != "" && (!ok || id.String() != c.room) {
		return hub.Rights{}, refusal(errOtherRoom)
	}
	rights, err := l.rights(ctx, by, channel)
	return rights, refusal(err)
}

func (l *Live) rights(ctx context.Context, by access.Actor, channel string) (hub.Rights, error) {
	if by.Kind == access.Guest && channel != "room:"+by.Room {
		return hub.Rights{}, fault.ErrNotFound
	}
	sort, name, _ := strings.Cut(channel, ":")
	switch sort {
	case "room", "desk":
		if !by.HasScope("rooms:read") {
			return hub.Rights{}, errScope.With("scope", "rooms:read")
		}
		heard, err := l.Platform.Rooms.Hear(ctx, by, channel)
		return rightsOf(by, heard), err
	case "org":
		if !by.HasScope("events:read") {
			return hub.Rights{}, errScope.With("scope", "events:read")
		}
		return hub.Rights{}, l.Platform.mayFollow(ctx, by, channel)
	case "person":
		if name == by.ID && (by.Kind == access.User || by.Kind == access.Insured) {
			return hub.Rights{}, nil
		}
	}
	return hub.Rights{}, fault.ErrNotFound
}

// A standing is where somebody may post, as he was last seen to.
type standing struct {
	heard rooms.Hearing
	stale atomic.Bool // he was refused since
}

func rightsOf(by access.Actor, heard rooms.Hearing) hub.Rights {
	return hub.Rights{Post: heard.Post && by.HasScope("rooms:write"), From: heard.From, Hidden: !heard.Seated, Grant: &standing{heard: heard}}
}

// postFrame is a client's post frame, whole.
type postFrame struct {
	ID          json.RawMessage `json:"id"`
	Type        string          `json:"type"`
	Batch       *bool           `json:"batch"`
	Channel     string          `json:"channel"`
	ClientID    string          `json:"clientId"`
	Body        string          `json:"body"`
	Visibility  string          `json:"visibility"`
	ReplyTo     string          `json:"replyTo"`
	Mentions    []string        `json:"mentions"`
	Attachments []string        `json:"attachments"`
}

// Post implements hub.App.
func (l *Live) Post(ctx context.Context, p hub.Principal, r hub.Rights, channel string, raw json.RawMessage, done func(hub.Posted, error)) {
	by := callerOf(p).Actor
	where, _ := r.Grant.(*standing)
	m, err := l.prepare(ctx, by, where, channel, raw)
	if err != nil {
		done(hub.Posted{}, refusal(err))
		return
	}
	l.Posts.Post(m, func(posted store.Posted, err error) {
		if errors.Is(err, fault.ErrForbidden) && where != nil {
			where.stale.Store(true) // ask again before the next
		}
		done(hub.Posted{MessageID: posted.ID.String(), Seq: posted.Seq, Duplicate: posted.Duplicate}, refusal(err))
	})
}

func (l *Live) prepare(ctx context.Context, by access.Actor, where *standing, channel string, raw json.RawMessage) (store.Post, error) {
	var f postFrame
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return store.Post{}, fault.ErrValidation.Because(err)
	}
	id, company, ok := room.ParseChannel(channel)
	switch {
	case !ok:
		return store.Post{}, fault.ErrForbidden
	case !by.HasScope("rooms:write"):
		return store.Post{}, errScope.With("scope", "rooms:write")
	case f.Visibility == "internal" && company.IsZero():
		channel, where = room.Desk(id, by.Org).Name, nil
	case f.Visibility == "shared" && !company.IsZero():
		return store.Post{}, fault.ErrValidation.Field("visibility", "enum")
	}
	if where == nil || where.stale.Load() || !where.heard.Post {
		heard, err := l.Platform.Rooms.Hear(ctx, by, channel)
		if err != nil {
			return store.Post{}, err
		}
		if where = (&standing{heard: heard}); !heard.Post {
			return store.Post{}, fault.ErrForbidden
		}
	}
	draft, err := draftOf(f.Body, f.ClientID, f.Visibility, f.ReplyTo, f.Mentions, f.Attachments)
	if err != nil {
		return store.Post{}, err
	}
	return l.Platform.Rooms.Prepare(ctx, by, where.heard.Channel, draft, where.heard.Grant)
}

// Read implements hub.App.
func (l *Live) Read(ctx context.Context, p hub.Principal, channel string, seq int64) (bool, error) {
	by := callerOf(p).Actor
	_, moved, err := l.Platform.Rooms.Read(ctx, by, channel, seq)
	return moved, refusal(err)
}

// Refresh implements hub.App.
func (l *Live) Refresh(ctx context.Context, p hub.Principal, token string) (hub.Principal, error) {
	by, err := l.Platform.Door.Authenticate(ctx, Credential{Bearer: token})
	if err != nil {
		return hub.Principal{}, refusal(err)
	}
	was := callerOf(p)
	if by.ID != was.ID || by.Org != was.Org || by.Kind != was.Kind || by.Room != was.Room {
		return hub.Principal{}, refusal(access.ErrToken)
	}
	p.Actor, p.Expires = caller{by, was.room}, by.Until
	return p, nil
}

// principal is an actor as the hub knows him; roomID is the one room that his
// connection is for, or empty.
func (p Platform) principal(ctx context.Context, by access.Actor, roomID string) (hub.Principal, error) {
	author, err := p.Rooms.Author(ctx, by)
	if err != nil {
		return hub.Principal{}, err
	}
	identity, err := json.Marshal(author)
	if err != nil {
		return hub.Principal{}, err
	}
	return hub.Principal{
		Subject: by.ID, Address: stateOf(ctx).address.String(), Expires: by.Until, Identity: identity, Actor: caller{by, roomID},
		Control: []string{event.AccessChannel(by.Org).Name},
	}, nil
}

// codeToken is the code of a credential that proves nothing any more.
const codeToken = "token"

// refusal is an error as a client of the hub may see it; what is ours stays
// hidden.
func refusal(err error) error {
	var f *fault.Error
	switch {
	case err == nil || !errors.As(err, &f) || f.Kind() == fault.Internal:
		return err
	case f.Kind() == fault.Unauthenticated:
		return &hub.Refusal{Code: codeToken, Message: f.Message(), Denied: true}
	}
	message := f.Message()
	if fields := f.Fields(); len(fields) > 0 && message == fault.ErrValidation.Message() {
		message = sentence(fields[0])
	}
	wait := f.Kind() == fault.Unavailable || f.Kind() == fault.TooMany
	denied := f.Kind() == fault.Forbidden || f.Kind() == fault.NotFound
	return &hub.Refusal{Code: f.Code(), Message: message, Retry: wait, After: f.RetryAfter(), Denied: denied}
}

// faultOf is a refusal of the hub as an answer over HTTP.
func faultOf(err error) error {
	var no *hub.Refusal
	if !errors.As(err, &no) {
		return err
	}
	kind := fault.Forbidden
	switch no.Code {
	case "too_many":
		kind = fault.TooMany
	case "unavailable":
		kind = fault.Unavailable
	case codeToken:
		return access.ErrToken
	case "not_found":
		kind = fault.NotFound
	case "upgrade_required", "bad_request", "bad_frame":
		kind = fault.Invalid
	}
	return fault.New(kind, no.Code, no.Message).Retry(no.After)
}
