package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
)

type sessionBody struct {
	ID         string    `json:"id"`
	Device     string    `json:"device,omitempty" doc:"What the policyholder calls it."`
	Current    bool      `json:"current" doc:"Whether it is the one that asks."`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt" doc:"When it last got a token."`
	ExpiresAt  time.Time `json:"expiresAt" doc:"Unless it is used before then."`
	PushTokens []string  `json:"pushTokens" nullable:"false" doc:"Ids of the push tokens that it registered, which go with it."`
}

func (a *API) registerSessions(p Platform) {
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/portal/sessions", ID: "list-portal-sessions", Tag: "Portal", Summary: "List the devices on which you are signed in",
	}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[sessionBody]], error) {
		by, person, err := insuredOf(ctx)
		if err != nil {
			return nil, err
		}
		body := func(s store.SignIn) sessionBody {
			b := sessionBody{ID: s.ID.String(), Device: s.Device, Current: s.ID == by.SignIn, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt, PushTokens: []string{}}
			for _, id := range s.Phones {
				b.PushTokens = append(b.PushTokens, id.String())
			}
			return b
		}
		ss, err := p.DB.As(by).SignIns(ctx, person, p.now(), in.page())
		return &bodyOf[List[sessionBody]]{listOf(ss, in.Limit, body, func(s store.SignIn) Cursor { return Cursor{s.CreatedAt, s.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/portal/sessions/{id}", ID: "revoke-portal-session", Tag: "Portal", Summary: "Sign out on a device",
		Description: "At once: its tokens are refused, its live connections are cut, and its phone gets no more notifications.",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		by, person, err := insuredOf(ctx)
		if err != nil {
			return nil, err
		}
		var id access.SignInID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		return nil, p.DB.InTx(ctx, by, func(tx *store.Tx) error { return tx.EndSignIn(ctx, person, id, p.now()) })
	})
}

// insuredOf is the policyholder who asks.
func insuredOf(ctx context.Context) (by access.Actor, person access.PersonID, err error) {
	if by = access.From(ctx); by.Kind != access.Insured {
		return by, person, errInsuredRequired
	}
	err = person.UnmarshalText([]byte(by.ID))
	return by, person, err
}
