package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
)

// Faults of opening a connection.
var (
	errOrigin = fault.New(fault.Forbidden, "origin_not_allowed", "Pages of this origin may not open a connection here.")
	errNoHub  = fault.New(fault.Unavailable, "live_unavailable", "Live connections are not served here.")
)

// liveRate is how many connections an address may open in a minute.
const liveRate = 600

type ticketInput struct {
	Body struct {
		DealRoomID string `json:"dealRoomId,omitempty" maxLength:"64" doc:"Binds the ticket to a room, whose state is then the first frame."`
	}
}

type ticketBody struct {
	WSURL     string    `json:"wsUrl" doc:"Open it as a WebSocket. Good once, for 60 seconds. Add &since=<epoch>:<seq> to resume."`
	Ticket    string    `json:"ticket" doc:"The same permission by itself, for GET /v1/events/stream?ticket=…"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func (a *API) registerRealtime(p Platform) {
	const tag = "Realtime"
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/deal-rooms/{id}/ws", ID: "open-deal-room", Tag: tag, Guests: true, Scope: "rooms:read",
		Summary:     "Get a signed address of a room's WebSocket",
		Description: "With Upgrade: websocket it upgrades directly. The protocol is openinsure.v1.json; see docs/realtime.md.",
		Upgrade:     a.upgradeRoom(p),
	}, func(ctx context.Context, in *ByID) (*bodyOf[ticketBody], error) {
		return p.ticket(ctx, in.ID)
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/realtime/tickets", ID: "create-ticket", Tag: tag, Guests: true, Status: http.StatusOK, NoIdempotency: true,
		Summary:     "Get a ticket for a live connection",
		Description: "For browsers, which cannot send a credential with a WebSocket or an EventSource. Other clients may open /v1/ws with their usual headers.",
	}, func(ctx context.Context, in *ticketInput) (*bodyOf[ticketBody], error) {
		return p.ticket(ctx, in.Body.DealRoomID)
	})
	a.Handle(http.MethodGet, "/v1/ws", a.openSocket(p))
	a.Handle(http.MethodGet, "/v1/events/stream", a.openStream(p))
}

// ticket gives a ticket for a room that the caller may hear, or for none.
func (p Platform) ticket(ctx context.Context, roomID string) (*bodyOf[ticketBody], error) {
	by := access.From(ctx)
	if by.Kind == access.Guest && roomID == "" {
		roomID = by.Room
	}
	if roomID != "" {
		var id room.ID
		if err := pathID(&id, roomID); err != nil {
			return nil, err
		}
		if !by.HasScope("rooms:read") {
			return nil, errScope.With("scope", "rooms:read")
		}
		if _, err := p.Rooms.Hear(ctx, by, "room:"+roomID); err != nil {
			return nil, err
		}
	}
	ticket, until, err := p.Door.Tokens.MintTicket(by, roomID)
	if err != nil {
		return nil, err
	}
	return &bodyOf[ticketBody]{ticketBody{
		WSURL: p.wsURL(ctx) + "/v1/ws?ticket=" + url.QueryEscape(ticket), Ticket: ticket, ExpiresAt: until,
	}}, nil
}

// site is where this server is reached: at the public address, or in development
// at the one that was asked.
func (p Platform) site(ctx context.Context) string {
	base := strings.TrimSuffix(p.PublicURL, "/")
	if host := stateOf(ctx).host; p.PublicURL == "" && host != "" {
		base = "http://" + host
		if stateOf(ctx).tls {
			base = "https://" + host
		}
	}
	return base
}

// wsURL is where sockets are opened.
func (p Platform) wsURL(ctx context.Context) string {
	return "ws" + strings.TrimPrefix(p.site(ctx), "http")
}

// upgradeRoom opens the socket of a room for a caller whom the guard let in.
func (a *API) upgradeRoom(p Platform) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.mayOpen(p, r); err != nil {
			a.fail(w, r, err)
			return
		}
		rest := strings.TrimPrefix(r.URL.Path, "/v1/deal-rooms/")
		a.serveSocket(w, r, p, access.From(r.Context()), strings.TrimSuffix(rest, "/ws"))
	}
}

// openSocket opens a socket by ticket, or by the usual headers.
func (a *API) openSocket(p Platform) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, roomID, ok := a.enter(w, r, p, true)
		if ok {
			a.serveSocket(w, r, p, by, roomID)
		}
	}
}

// mayOpen checks what can be known before a ticket is used up.
func (a *API) mayOpen(p Platform, r *http.Request) error {
	if p.Hub == nil {
		return errNoHub
	}
	if err := p.Hub.Upgradable(r); err != nil {
		return faultOf(err)
	}
	return a.checkOrigin(r)
}

// checkOrigin refuses pages of other sites. A client that is no browser sends no
// Origin.
func (a *API) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if origin == "" || err == nil && u.Host != "" && (strings.EqualFold(u.Host, r.Host) || slices.Contains(a.cfg.Origins, strings.ToLower(origin))) {
		return nil
	}
	return errOrigin
}

// enter finds out who opens a connection; when it returns false it has
// answered. A ticket is used up by it, after everything else was checked.
func (a *API) enter(w http.ResponseWriter, r *http.Request, p Platform, socket bool) (by access.Actor, roomID string, ok bool) {
	ctx := r.Context()
	st := stateOf(ctx)
	if !a.take(w, r, "live:"+addressOwner(st.address), 1, Bucket{allRequests, liveRate}) {
		return by, "", false
	}
	check := a.checkOrigin
	if socket {
		check = func(r *http.Request) error { return a.mayOpen(p, r) }
	}
	text := r.URL.Query().Get("ticket")
	if err := check(r); err != nil {
		if t, bad := p.Door.Tokens.VerifyTicket(text); errors.Is(err, errOrigin) && bad == nil {
			err = audit.Suspect(err, t.Actor, t.Room, errOrigin.Code()) // for the log of whose page it tried; the ticket is good yet
		}
		a.fail(w, r, err)
		return by, "", false
	}
	var err error
	if text == "" {
		by, err = a.authenticate(r, st)
		if err == nil && !a.takeActor(w, r, by, false) {
			return by, "", false
		}
		if err == nil && by.Org.IsZero() {
			err = errNeedsOrg
		}
	} else {
		by, roomID, err = p.Door.UseTicket(ctx, text)
	}
	if err != nil {
		a.fail(w, r, err)
		return by, "", false
	}
	if by.Kind == access.Guest {
		roomID = by.Room
	}
	st.actor = by
	return by, roomID, true
}

// UseTicket uses a ticket up and says who acts, and in which room.
func (d *Door) UseTicket(ctx context.Context, text string) (access.Actor, string, error) {
	t, err := d.Tokens.VerifyTicket(text)
	if err != nil {
		return access.Actor{}, "", err
	}
	if err := d.DB.UseTicket(ctx, t); err != nil {
		return access.Actor{}, "", suspected(t.Actor, "ticket_used", err)
	}
	by, err := d.Still(ctx, t.Actor)
	return by, t.Room, suspected(t.Actor, "stopped", err)
}

func (a *API) serveSocket(w http.ResponseWriter, r *http.Request, p Platform, by access.Actor, roomID string) {
	since, err := sinceOf(r.URL.Query().Get("since"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	who, err := p.principal(r.Context(), by, roomID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	o := hub.Opening{Principal: who, Batch: r.URL.Query().Get("batch") == "true"}
	if roomID != "" {
		o.Welcome = func(ctx context.Context) (*hub.Welcome, error) { return p.welcome(ctx, by, roomID, since) }
	}
	w.Header().Set("Cache-Control", "no-store")
	if err := p.Hub.ServeWS(w, r, o); err != nil {
		a.fail(w, r, faultOf(err))
	}
}

// openStream sends one channel as server-sent events.
func (a *API) openStream(p Platform) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p.Hub == nil {
			a.fail(w, r, errNoHub)
			return
		}
		q := r.URL.Query()
		since, err := sinceOf(firstOf(r.Header.Get("Last-Event-ID"), q.Get("lastEventId")))
		if err == nil && q.Get("channel") == "" {
			err = fault.ErrValidation.Field("channel", "required")
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		by, roomID, ok := a.enter(w, r, p, false)
		if !ok {
			return
		}
		if roomID != "" && q.Get("channel") != "room:"+roomID {
			a.fail(w, r, audit.Suspect(access.ErrTicket, by, roomID, "ticket_room"))
			return
		}
		who, err := p.principal(r.Context(), by, roomID)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if err := p.Hub.ServeSSE(w, r, who, q.Get("channel"), since); err != nil {
			a.fail(w, r, faultOf(err))
		}
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// sinceOf reads a position, <epoch>:<seq>; nil for none.
func sinceOf(s string) (*hub.Position, error) {
	if s == "" {
		return nil, nil
	}
	epoch, seq, err := parsePosition(s)
	if err != nil {
		return nil, fault.ErrValidation.Saying("since is <epoch>:<seq>, as the connection before gave it.").Field("since", "format")
	}
	return &hub.Position{Epoch: epoch, Seq: seq}, nil
}

// welcome reads the first frame of a room's socket from one state of the
// database.
func (p Platform) welcome(ctx context.Context, by access.Actor, roomID string, since *hub.Position) (*hub.Welcome, error) {
	var id room.ID
	if err := pathID(&id, roomID); err != nil {
		return nil, refusal(err)
	}
	s, err := p.Rooms.Snapshot(ctx, by, id)
	if err != nil {
		return nil, refusal(err)
	}
	w := &hub.Welcome{Channel: s.Heard.Channel.Name, Epoch: s.Epoch, Seq: s.Head, From: s.Head, Rights: rightsOf(by, s.Heard)}
	body := initOf(by, s)
	switch {
	case since == nil:
	case since.Epoch != s.Epoch:
		body.Reset = "epoch"
	case since.Seq > s.Head:
		body.Reset = "ahead"
	case since.Seq < s.Heard.From:
		body.Reset = "too_old"
	default: // what came since is sent as entries instead
		body.Messages, body.Resumed, w.From = nil, true, since.Seq
	}
	w.Fields, err = json.Marshal(body)
	return w, err
}

// initBody is what the first frame of a room has besides the hub's own fields.
type initBody struct {
	Room         RoomBody          `json:"room"`
	Participants []participantBody `json:"participants"`
	Messages     []messageBody     `json:"messages,omitzero"`
	Annotations  []annotationBody  `json:"annotations"`
	Resumed      bool              `json:"resumed,omitempty"` // entries after since follow, instead of messages
	Reset        string            `json:"reset,omitempty"`   // why not
}

func initOf(by access.Actor, s rooms.Snapshot) initBody {
	detail := roomDetailOf(by, s.View)
	b := initBody{Room: detail.RoomBody, Participants: detail.Participants, Messages: make([]messageBody, len(s.Messages)), Annotations: make([]annotationBody, len(s.Annotations))}
	for i, m := range s.Messages {
		b.Messages[i] = messageOf(m)
	}
	for i, a := range s.Annotations {
		b.Annotations[i] = annotationOf(a)
	}
	return b
}
