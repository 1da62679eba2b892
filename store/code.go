package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
)

// A Try is somebody's attempt to sign in by a code.
type Try struct {
	Policy string // its number
	Code   string
	Email  string // empty: any that a code for the policy went to
	Device string // what he calls it
	From   string // see Ask
	At     time.Time
}

// tryCodeSQL counts a try from an address and, unless those are too many, at
// every code of a policy's number that is still good and has one left for this
// address: before anybody compares it. All in one statement, so that a commit is
// waited for whether there is a code or not; crosses orgs: numbers are unique in
// each only.
const tryCodeSQL = `WITH counted AS (` + counting + `), tried AS (
		UPDATE sign_in_code c SET own_tries = own_tries + (asker = $6)::int, other_tries = other_tries + (asker <> $6)::int
		WHERE (SELECT n.count FROM counted n) <= $4 AND c.policy_number = $5 AND c.used_at IS NULL AND c.expires_at > $3 AND c.created_at <= $3
			AND CASE WHEN c.asker = $6 THEN c.own_tries ELSE c.other_tries END < $7 AND ($8::bytea IS NULL OR c.contact = $8)
		RETURNING c.id, c.org_id, c.person_id, c.mac, c.asker = $6 AS own, c.created_at
	)
	SELECT n.count, n.ends_at, t.id, t.org_id, t.person_id, t.mac, coalesce(t.own, false), coalesce(t.created_at, $3) FROM counted n LEFT JOIN tried t ON true`

type goodCode struct {
	ID     event.ID
	Org    access.OrgID
	Person access.PersonID
	Mac    []byte
	Own    bool // asked for from this address
	At     time.Time
}

// SignInByCode uses a code up and signs its person in on a device;
// access.ErrCode whatever is wrong, and access.ErrTooManyTries when too many
// codes were tried from this address. Of two uses at once one succeeds.
func (db *DB) SignInByCode(ctx context.Context, t Try) (SignIn, access.RefreshToken, error) {
	var contact []byte
	if t.Email != "" {
		contact = db.contactMac(strings.ToLower(t.Email))
	}
	asker := db.askerMac(t.From)
	var n int
	var ends time.Time
	var c goodCode
	var tried []goodCode
	err := each(ctx, db.everywhere(), []any{&n, &ends, &c.ID, &c.Org, &c.Person, &c.Mac, &c.Own, &c.At}, func() error {
		if !c.ID.IsZero() {
			tried = append(tried, c)
			c.Mac = nil // the next row's is its own
		}
		return nil
	}, tryCodeSQL, db.seal.Mac(t.From, "codes tried"), access.CodeWindow.Microseconds(), t.At, access.TriesAddress, number(t.Policy), asker, access.CodeTries, contact)
	if err != nil {
		return SignIn{}, access.RefreshToken{}, fmt.Errorf("try a code: %w", err)
	}
	if wait := over(n, access.TriesAddress, ends, t.At); wait > 0 {
		return SignIn{}, access.RefreshToken{}, access.ErrTooManyTries.Retry(wait)
	}
	meant, ok := db.matching(tried, t.Code)
	if !ok {
		return SignIn{}, access.RefreshToken{}, guessedAt(tried)
	}
	return db.useCode(ctx, meant, t, asker)
}

// guessedAt is the refusal of a wrong code, which the audit log of the policyholder's
// company hears of.
func guessedAt(tried []goodCode) error {
	if len(tried) == 0 {
		return access.ErrCode
	}
	return audit.Suspect(access.ErrCode, access.Actor{Org: tried[0].Org}, tried[0].Person.String(), "wrong_code")
}

// matching returns the code that was meant: of several, which only companies
// whose policies have the same number can cause, the one that was asked for
// here, then the newest.
func (db *DB) matching(tried []goodCode, code string) (found goodCode, ok bool) {
	if len(tried) == 0 { // takes as long
		db.seal.IsMac(nil, code, codeLabel(event.ID{}))
	}
	for _, c := range tried {
		better := !ok || c.Own && !found.Own || c.Own == found.Own && c.At.After(found.At)
		if db.seal.IsMac(c.Mac, code, codeLabel(c.ID)) && better {
			found, ok = c, true
		}
	}
	return found, ok
}

// useCodeSQL uses a code up, and with it the others of its person.
const useCodeSQL = `WITH used AS (
		UPDATE sign_in_code SET used_at = $3 WHERE org_id = $1 AND id = $2 AND used_at IS NULL RETURNING person_id, id
	), others AS (
		UPDATE sign_in_code c SET used_at = $3 FROM used WHERE c.person_id = used.person_id AND c.id <> used.id AND c.used_at IS NULL
	)
	SELECT t.id, t.org_id, t.name, t.email, t.created_at FROM used JOIN person t ON t.id = used.person_id`

func (db *DB) useCode(ctx context.Context, c goodCode, t Try, asker []byte) (SignIn, access.RefreshToken, error) {
	s := SignIn{
		ID: access.NewSignInID(t.At), Org: c.Org, Person: c.Person, Device: t.Device, CreatedAt: t.At, LastUsedAt: t.At, ExpiresAt: t.At.Add(access.SignInAge),
	}
	token := access.NewRefreshToken(s.ID)
	by := access.Actor{Kind: access.Insured, ID: c.Person.String(), Org: c.Org}
	err := db.InTx(ctx, by, func(tx *Tx) error {
		_, err := one(ctx, tx.Reader, pgx.RowToStructByPos[Person], useCodeSQL, c.Org.UUID(), c.ID.UUID(), t.At)
		if errors.Is(err, fault.ErrNotFound) {
			return access.ErrCode
		}
		if err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.SignIn, Object: s.ID.String(), Details: audit.Details{"by": "code"}})
		return tx.addSignIn(ctx, s, token, asker)
	})
	if err != nil {
		return SignIn{}, access.RefreshToken{}, err
	}
	return s, token, nil
}
