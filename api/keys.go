package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
)

// Scopes lists every scope that a key can have: read and write of the
// resources, and the named actions.
var Scopes = scopes()

func scopes() []string {
	out := []string{"coi:generate", "documents:render", "events:read"}
	for _, r := range []string{"claims", "compliance", "da-agreements", "documents", "flags", "invoices", "policies", "producers", "rates", "referrals", "rooms", "sandbox", "submissions", "webhooks"} {
		out = append(out, r+":read", r+":write")
	}
	slices.Sort(out)
	return out
}

// KeyBody is a key without its secret; exported so that the document sees through
// its embedding.
type KeyBody struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix" doc:"The key's first characters, to recognise it by."`
	Scopes     []string   `json:"scopes" nullable:"false"`
	Tier       string     `json:"tier" enum:"standard,enterprise"`
	CreatedBy  string     `json:"createdBy"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt" nullable:"true" doc:"null: never."`
	LastUsedAt *time.Time `json:"lastUsedAt" nullable:"true" doc:"To the minute."`
	ReplacedBy string     `json:"replacedBy,omitempty" doc:"The key that replaces this one, which is good until expiresAt."`
}

type newKeyBody struct {
	Key string `json:"key" doc:"The key itself, shown only here."`
	KeyBody
}

func keyOf(k store.Key) KeyBody {
	return KeyBody{
		ID: k.ID.String(), Name: k.Name, Prefix: k.Prefix, Scopes: k.Scopes, Tier: k.Tier, CreatedBy: k.CreatedBy,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt, ReplacedBy: k.ReplacedBy.String(),
	}
}

type createKeyInput struct {
	Body struct {
		Name      string     `json:"name" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Scopes    []string   `json:"scopes" nullable:"false" minItems:"1" maxItems:"50"`
		Tier      string     `json:"tier,omitempty" enum:"standard,enterprise" default:"standard"`
		ExpiresAt *time.Time `json:"expiresAt,omitempty" nullable:"true" doc:"null: never expires."`
	}
}

func (a *API) registerKeys(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/api-keys", ID: "create-api-key", Tag: "API keys", Summary: "Create an API key",
		Description: "For administrators. The key is shown once.",
	}, p.createKey)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/api-keys", ID: "list-api-keys", Tag: "API keys", Summary: "List API keys",
	}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[KeyBody]], error) {
		by := access.From(ctx)
		see, err := p.over(ctx, by, access.Administer)
		if err != nil {
			return nil, err
		}
		ks, err := p.DB.As(by).Keys(ctx, see, p.now(), in.page())
		return &bodyOf[List[KeyBody]]{listOf(ks, in.Limit, keyOf, func(k store.Key) Cursor { return Cursor{k.CreatedAt, k.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/api-keys/{id}/rotate", ID: "rotate-api-key", Tag: "API keys", Summary: "Replace an API key by one with a new secret",
		Description: "For administrators. The new key, shown once, has the name, scopes, tier and expiry of the old one, which is good for overlapHours more: " +
			"time to bring the new one everywhere. Nothing else changes; idempotency keys and rate limits count per key.",
	}, p.rotateKey)
	register(a, operation{
		Method: http.MethodDelete, Path: "/v1/api-keys/{id}", ID: "revoke-api-key", Tag: "API keys", Summary: "Revoke an API key at once",
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		by := access.From(ctx)
		if err := administer(ctx, p, by); err != nil {
			return nil, err
		}
		var key access.KeyID
		if key.UnmarshalText([]byte(in.ID)) != nil || key.IsZero() {
			return nil, fault.ErrNotFound
		}
		return nil, p.DB.InTx(ctx, by, func(tx *store.Tx) error {
			tx.Audit(by, audit.Fact{Action: audit.KeyRevoked, Object: key.String()})
			return tx.RevokeKey(ctx, key, p.Now())
		})
	})
}

func (p Platform) createKey(ctx context.Context, in *createKeyInput) (*bodyOf[newKeyBody], error) {
	by := access.From(ctx)
	if err := administer(ctx, p, by); err != nil {
		return nil, err
	}
	now := p.Now().UTC().Truncate(time.Microsecond)
	for _, s := range in.Body.Scopes {
		if !slices.Contains(Scopes, s) {
			return nil, fault.ErrValidation.Field("scopes", "enum").With("scopes", Scopes)
		}
	}
	if in.Body.ExpiresAt != nil && !in.Body.ExpiresAt.After(now) {
		return nil, fault.ErrValidation.Field("expiresAt", "min")
	}
	slices.Sort(in.Body.Scopes)
	k, secret := NewKey(by.Org, in.Body.Name, by.ID, p.IsLive, now)
	k.Scopes, k.Tier, k.ExpiresAt = slices.Compact(in.Body.Scopes), in.Body.Tier, in.Body.ExpiresAt
	err := p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		tx.Audit(by, audit.Fact{Action: audit.KeyCreated, Object: k.ID.String(), Details: audit.Details{"scopes": k.Scopes, "tier": k.Tier}})
		return tx.AddKey(ctx, k, secret)
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[newKeyBody]{newKeyBody{Key: secret, KeyBody: keyOf(k)}}, nil
}

type rotateKeyInput struct {
	ByID
	Body *struct {
		OverlapHours *int `json:"overlapHours,omitempty" minimum:"0" maximum:"168" doc:"How long the old key is good yet; 24 when not given, 0 ends it at once."`
	}
}

func (p Platform) rotateKey(ctx context.Context, in *rotateKeyInput) (*bodyOf[newKeyBody], error) {
	by := access.From(ctx)
	if err := administer(ctx, p, by); err != nil {
		return nil, err
	}
	var old access.KeyID
	if err := pathID(&old, in.ID); err != nil {
		return nil, err
	}
	overlap := 24 * time.Hour
	if in.Body != nil && in.Body.OverlapHours != nil {
		overlap = time.Duration(*in.Body.OverlapHours) * time.Hour
	}
	now := p.now()
	k, secret := NewKey(by.Org, "", by.ID, p.IsLive, now)
	err := p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		var err error
		if k, err = tx.ReplaceKey(ctx, old, k, secret, now.Add(overlap)); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.KeyRotated, Object: old.String(), Details: audit.Details{"replacedBy": k.ID.String(), "overlapHours": int(overlap.Hours())}})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[newKeyBody]{newKeyBody{Key: secret, KeyBody: keyOf(k)}}, nil
}

// NewKey makes a key with every scope, and its secret: 32 random bytes behind
// oik_live_, or oik_test_ outside production.
func NewKey(org access.OrgID, name, by string, live bool, at time.Time) (store.Key, string) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	secret := "oik_test_" + hex.EncodeToString(raw)
	if live {
		secret = "oik_live_" + hex.EncodeToString(raw)
	}
	return store.Key{
		ID: access.NewKeyID(at), Org: org, Name: name, Prefix: secret[:13], Scopes: Scopes,
		Tier: "standard", CreatedBy: by, CreatedAt: at,
	}, secret
}
