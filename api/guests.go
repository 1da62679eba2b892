package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// Faults of guests.
var (
	errGuest     = fault.New(fault.Forbidden, "guest_room_only", "A guest has the room that he was invited to, and nothing else.")
	errNotInRoom = fault.New(fault.Unauthenticated, "not_in_room", "You are not in this room any more.")
	errDevice    = fault.New(fault.Unauthenticated, "device_unknown", "This browser is not known in this room: ask for a link by your e-mail address.")
)

// The cookies of a guest's browser go nowhere but to the operations that read
// them. One says that the browser was given the page, the other, one for each
// room, lets it back in.
const (
	cookiePath = "/auth/guest"
	pageCookie = "oi_page"
	roomCookie = "oi_" // and the room's id
)

// guestRate is how often an address may use or ask for links in a minute.
const guestRate = 20

// guest looks up the guest that a token names: one who was removed is nobody
// from then on, also when he was invited again since.
func (d *Door) guest(ctx context.Context, a access.Actor) (access.Actor, error) {
	var user access.UserID
	var id room.ID
	if user.UnmarshalText([]byte(a.ID)) != nil || id.UnmarshalText([]byte(a.Room)) != nil {
		return access.Actor{}, access.ErrToken
	}
	s, err := d.DB.Seat(ctx, id, user)
	if errors.Is(err, fault.ErrNotFound) || err == nil && a.Until.Add(-access.GuestAge).Before(s.JoinedAt.Truncate(time.Second)) {
		return access.Actor{}, errNotInRoom
	}
	a.Role = s.Actor().Role
	return sameOrg(a, s.Firm, err)
}

type knockInput struct {
	Body struct {
		Link string `json:"link" minLength:"1" maxLength:"100" doc:"What follows # in the link."`
	}
}

type doorBody struct {
	RoomID    string `json:"roomId"`
	Title     string `json:"title"`
	Email     string `json:"email"`
	Returning bool   `json:"returning" doc:"He was in the room before: enter asks nothing of him."`
	Name      string `json:"name,omitempty"`
	Firm      string `json:"firm,omitempty"`
	Inviter   string `json:"inviter,omitempty"`
	Company   string `json:"company,omitempty" doc:"The inviter's."`
}

type enterInput struct {
	Body struct {
		Link  string `json:"link,omitempty" maxLength:"100" doc:"What follows # in the link. Or give email and code."`
		Email string `json:"email,omitempty" maxLength:"320"`
		Code  string `json:"code,omitempty" maxLength:"40" doc:"Of the mail."`
		Name  string `json:"name,omitempty" maxLength:"200" doc:"His own; needed unless he comes back."`
		Firm  string `json:"firm,omitempty" maxLength:"200"`
	}
}

type guestBody struct {
	RoomID    string    `json:"roomId"`
	UserID    string    `json:"userId"`
	Name      string    `json:"name"`
	Token     string    `json:"token" doc:"Of typ guest: for this room alone, for 12 hours."`
	ExpiresAt time.Time `json:"expiresAt"`
}

type guestOutput struct {
	SetCookie string `header:"Set-Cookie"`
	Body      guestBody
}

type forgetOutput struct {
	SetCookie string `header:"Set-Cookie"`
}

type guestRoomInput struct {
	Body struct {
		RoomID string `json:"roomId" minLength:"1" maxLength:"64"`
	}
}

type linkInput struct {
	Body struct {
		RoomID string `json:"roomId" minLength:"1" maxLength:"64"`
		Email  string `json:"email" format:"email" maxLength:"320"`
	}
}

type linkBody struct {
	Message string `json:"message"`
}

// registerGuests adds the operations behind the page of a room. They are for
// that page: nothing but cookies that it was given lets anybody in.
func (a *API) registerGuests(p Platform) {
	const tag = "Guests"
	register(a, operation{
		Method: http.MethodPost, Path: cookiePath + "/knock", ID: "knock", Tag: tag, Public: true, Page: true, PerMinute: guestRate, Status: http.StatusOK,
		Errors:  []int{403},
		Summary: "Ask where a link leads", Description: "Changes nothing, however often.",
	}, func(ctx context.Context, in *knockInput) (*bodyOf[doorBody], error) {
		if err := p.ofPage(ctx); err != nil {
			return nil, err
		}
		d, err := p.Rooms.Knock(ctx, room.Secret(in.Body.Link))
		if err != nil {
			return nil, err
		}
		return &bodyOf[doorBody]{doorBody{
			RoomID: d.Room.String(), Title: d.Title, Email: d.Email, Returning: d.Returning, Name: d.Name, Firm: d.Firm,
			Inviter: d.InvitedBy.Name, Company: d.InvitedBy.OrgName,
		}}, nil
	})
	register(a, operation{
		Method: http.MethodPost, Path: cookiePath + "/enter", ID: "enter", Tag: tag, Public: true, Page: true, PerMinute: guestRate, Status: http.StatusOK,
		Errors:  []int{403},
		Summary: "Use a link or a code, once", Description: "Only from the page, in the browser that was given it.",
	}, func(ctx context.Context, in *enterInput) (*guestOutput, error) {
		if err := p.ofPage(ctx); err != nil {
			return nil, err
		}
		b := in.Body
		if b.Link == "" && (b.Email == "" || b.Code == "") {
			return nil, fault.ErrValidation.Saying("Give the link, or the address and the code.").Field("link", "required")
		}
		device := room.NewSecret()
		pass := rooms.Pass{Link: room.Secret(b.Link), Email: strings.TrimSpace(b.Email), Code: b.Code}
		s, err := p.Rooms.Enter(ctx, pass, strings.TrimSpace(b.Name), strings.TrimSpace(b.Firm), device)
		if err != nil {
			return nil, err
		}
		out, err := p.seated(s)
		if err == nil {
			out.SetCookie = a.cookie(roomCookie+s.Room.String(), string(device), room.DeviceAge).String()
		}
		return out, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: cookiePath + "/session", ID: "guest-session", Tag: tag, Public: true, Page: true, Status: http.StatusOK,
		Errors: []int{401, 403}, Summary: "Get a token for a browser that is known in a room",
	}, func(ctx context.Context, in *guestRoomInput) (*guestOutput, error) {
		id, err := parseRoom(in.Body.RoomID)
		if err != nil {
			return nil, err
		}
		s, err := p.DB.UseGuestDevice(ctx, room.Secret(cookieOf(ctx, roomCookie+id.String())), id, p.Now())
		if errors.Is(err, fault.ErrNotFound) {
			return nil, errDevice
		}
		if err != nil {
			return nil, err
		}
		return p.seated(s)
	})
	register(a, operation{
		Method: http.MethodPost, Path: cookiePath + "/forget", ID: "guest-forget", Tag: tag, Public: true, Page: true, Status: http.StatusNoContent,
		Errors: []int{403}, Summary: "Let a browser be unknown in a room again",
	}, func(ctx context.Context, in *guestRoomInput) (*forgetOutput, error) {
		id, err := parseRoom(in.Body.RoomID)
		if err != nil {
			return nil, err
		}
		name := roomCookie + id.String()
		return &forgetOutput{SetCookie: a.cookie(name, "", -time.Second).String()}, p.DB.ForgetGuestDevice(ctx, room.Secret(cookieOf(ctx, name)))
	})
	register(a, operation{
		Method: http.MethodPost, Path: cookiePath + "/link", ID: "guest-link", Tag: tag, Public: true, Page: true, PerMinute: guestRate, Status: http.StatusAccepted,
		Errors:  []int{403},
		Summary: "Mail a guest a link back to his room", Description: "Answers the same whether there is such a guest or not. Good for 5 minutes, five in an hour.",
	}, func(ctx context.Context, in *linkInput) (*bodyOf[linkBody], error) {
		id, err := parseRoom(in.Body.RoomID)
		if err != nil {
			return nil, err
		}
		if err := p.Rooms.SendLink(ctx, id, in.Body.Email, p.joinPage(ctx)); err != nil {
			return nil, err
		}
		return &bodyOf[linkBody]{linkBody{"If this address belongs to a guest of the room, a link is on its way. It is good for 5 minutes."}}, nil
	})
}

// seated gives a guest a token.
func (p Platform) seated(s store.Seat) (*guestOutput, error) {
	token, until, err := p.Door.Tokens.Mint(s.Actor())
	return &guestOutput{Body: guestBody{RoomID: s.Room.String(), UserID: s.User.String(), Name: s.Name, Token: token, ExpiresAt: until}}, err
}

// ofPage refuses a browser that was not given the page: what a scanner or
// another site sends uses nothing up.
func (p Platform) ofPage(ctx context.Context) error {
	return p.Door.Tokens.VerifyPage(cookieOf(ctx, pageCookie))
}

// cookieOf is the value of a cookie of the request; empty when it has none.
func cookieOf(ctx context.Context, name string) string {
	for _, c := range stateOf(ctx).cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// cookie is a cookie for the operations of guests, for a time; a negative time
// takes it away.
func (a *API) cookie(name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever it is not a developer's own machine
		Name: name, Value: value, Path: cookiePath, MaxAge: int(age.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: a.cfg.Environment != "development",
	}
}

// checkPage refuses requests that no page of ours sent.
func (a *API) checkPage(r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return access.ErrPage
	}
	if r.Header.Get("Origin") != "" && a.checkOrigin(r) != nil {
		return access.ErrPage
	}
	return nil
}
