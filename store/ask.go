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
	"github.com/openinsure/openinsure/push"
)

// An Ask is somebody's wish for a code to sign in by.
type Ask struct {
	Policy string // its number
	Email  string
	Phone  string // in place of Email
	From   string // the address that asks, or the network that counts as one
	At     time.Time
}

// contact is where the code is to go.
func (a Ask) contact() (contact, sort string) {
	if a.Phone != "" {
		return a.Phone, "phone"
	}
	return strings.ToLower(a.Email), "email"
}

// number is a policy's number as we write it.
func number(policy string) string { return strings.ToUpper(strings.TrimSpace(policy)) }

// askerMac is the keyed hash of an address.
func (db *DB) askerMac(from string) []byte { return db.seal.Mac(from, "sign-in address") }

// counting counts once in the bucket $1, a window of $2 microseconds after its
// first, at the time $3.
const counting = `INSERT INTO sign_in_count AS c (bucket, count, ends_at) VALUES ($1, 1, $3::timestamptz + $2::bigint * interval '1 microsecond')
	ON CONFLICT (bucket) DO UPDATE SET count = CASE WHEN c.ends_at <= $3 THEN 1 ELSE c.count + 1 END,
		ends_at = CASE WHEN c.ends_at <= $3 THEN excluded.ends_at ELSE c.ends_at END
	RETURNING c.count, c.ends_at`

// countSQL counts once in a bucket; crosses orgs: nobody acts yet.
const countSQL = counting

// count counts once in a bucket that may hold so many in a window. It returns
// how long to wait when it is over its limit.
func (db *DB) count(ctx context.Context, of []byte, most int, at time.Time) (wait time.Duration, err error) {
	var n int
	var ends time.Time
	err = each(ctx, db.everywhere(), []any{&n, &ends}, func() error { return nil }, countSQL, of, access.CodeWindow.Microseconds(), at)
	return over(n, most, ends, at), err
}

// over is how long a bucket is over its limit yet; 0 when it is not.
func over(n, most int, ends, at time.Time) time.Duration {
	if n <= most {
		return 0
	}
	return max(ends.Sub(at), time.Second)
}

// askSQL keeps a wish for the background step; crosses orgs: nobody has looked
// up whose it is.
const askSQL = `INSERT INTO sign_in_ask (id, policy_number, contact, sort, asker, asked_at, address, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// OnAsk sets who is told, on the asking goroutine, that somebody asked for a
// code. It must not block. Set it before the first Ask.
func (db *DB) OnAsk(f func()) { db.asked = f }

// Ask notes that somebody wants a code. It does not look whether there is such a
// policy or contact, so that neither its answer nor its time tells.
// access.ErrTooManyCodes when too many were asked for from his address.
func (db *DB) Ask(ctx context.Context, a Ask) error {
	contact, sort := a.contact()
	// An address that is over its limit makes no buckets for contacts.
	wait, err := db.count(ctx, db.seal.Mac(a.From, "codes asked for"), access.CodesAddress, a.At)
	if err == nil && wait == 0 {
		wait, err = db.count(ctx, db.seal.Mac(a.From+" "+contact, "codes asked for from"), access.CodesAsked, a.At)
	}
	if err != nil {
		return fmt.Errorf("ask for a code: %w", err)
	}
	if wait > 0 {
		return access.ErrTooManyCodes.Retry(wait)
	}
	id := event.NewID(a.At)
	sealed := db.seal.Seal([]byte(contact), "ask "+id.String())
	var request *string
	if r := access.RequestFrom(ctx); !r.IsZero() {
		request = new(r.UUID())
	}
	_, err = run(ctx, db.everywhere(), askSQL, id.UUID(), number(a.Policy), sealed, sort, db.askerMac(a.From), a.At, access.AddressFrom(ctx), request)
	if err != nil {
		return fmt.Errorf("ask for a code: %w", err)
	}
	if db.asked != nil {
		db.asked()
	}
	return nil
}

// takeAskSQL takes the oldest wish that no other node is at; crosses orgs: whose
// it is follows.
const takeAskSQL = `DELETE FROM sign_in_ask WHERE id = (SELECT id FROM sign_in_ask ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
	RETURNING id, policy_number, contact, sort, asker, asked_at, address, request_id`

type taken struct {
	ID      event.ID
	Policy  string
	Contact []byte
	Sort    string
	Asker   []byte
	At      time.Time
	Address string
	Request *access.RequestID
}

// row is the audit row of what became of a wish. Who asked is not known; it is of
// the policyholder's organisation when there is one.
func (t taken) row(who insured, f audit.Fact, at time.Time) audit.Row {
	f.Action = audit.CodeMailed
	if !who.ID.IsZero() {
		f.Object = who.ID.String()
	}
	r := audit.New(access.Actor{Org: who.Org}, f, at)
	if r.Address = t.Address; t.Request != nil {
		r.Request = *t.Request
	}
	return r
}

// insuredSQL finds who has a policy of a number and an address, and which
// company's it is; crosses orgs: numbers are unique in each only.
const insuredSQL = `SELECT h.id, h.org_id, o.name FROM policy p
	JOIN person h ON h.org_id = p.org_id AND lower(h.email) = $2 AND h.email <> ''
	JOIN org o ON o.id = p.org_id
	WHERE p.number = $1 AND EXISTS (SELECT FROM relationship r WHERE r.object_type = 'policy' AND r.object_id = p.id::text
		AND r.relation = 'insured' AND r.subject_type = 'person' AND r.subject_id = h.id::text)
	ORDER BY h.id LIMIT 10`

type insured struct {
	ID      access.PersonID
	Org     access.OrgID
	Company string
}

// MakeCodes turns up to limit wishes into codes and the letters that bring them,
// and returns how many wishes it took.
func (db *DB) MakeCodes(ctx context.Context, limit int) (int, error) {
	for n := range limit {
		err := pgx.BeginFunc(ctx, db.worker, func(tx pgx.Tx) error { return db.makeCode(ctx, tx) })
		if errors.Is(err, pgx.ErrNoRows) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("make a code: %w", faultOf(err))
		}
	}
	return limit, nil
}

// makeCode answers one wish; pgx.ErrNoRows when there is none.
func (db *DB) makeCode(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, takeAskSQL) //nolint:rowserrcheck // CollectExactlyOneRow returns it
	if err != nil {
		return err
	}
	ask, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[taken])
	if err != nil {
		return err
	}
	contact := db.openText(ask.Contact, "ask "+ask.ID.String())
	// No way to send a text message is configured; a code that has expired by now
	// is of no use.
	if ask.Sort != "email" || contact == "" || db.now().Sub(ask.At) > access.CodeAge {
		return nil
	}
	found, err := many(ctx, Reader{q: tx}, pgx.RowToStructByPos[insured], insuredSQL, ask.Policy, contact)
	if err != nil {
		return err
	}
	if len(found) == 0 && db.refused != nil {
		db.refused(ask.row(insured{}, audit.Fact{Outcome: audit.Refused, Reason: "nobody_to_mail"}, db.now()))
	}
	for _, who := range found {
		if err := db.mailCode(ctx, tx, ask, contact, who); err != nil {
			return err
		}
	}
	return nil
}

// codesOfSQL counts the codes that a person was mailed since a time, and says
// whether he is signed in at an address and in which language he reads; crosses
// orgs: see insuredSQL.
const codesOfSQL = `SELECT (SELECT count(*) FROM sign_in_code c WHERE c.person_id = $1 AND c.created_at > $2),
	EXISTS (SELECT FROM sign_in s WHERE s.person_id = $1 AND s.asker = $3 AND s.ended_at IS NULL AND s.expires_at > $2),
	coalesce((SELECT p.locale FROM preference p WHERE p.subject = $4), '')`

// addCodeSQL adds a code; crosses orgs: see insuredSQL.
const addCodeSQL = `INSERT INTO sign_in_code (id, org_id, person_id, policy_number, mac, contact, asker, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// mailCode makes a code for a policyholder and owes him the letter. When
// strangers have asked for many on his behalf he gets no more, except for one
// that is asked for where he is signed in already.
func (db *DB) mailCode(ctx context.Context, tx pgx.Tx, ask taken, contact string, who insured) error {
	r := Reader{q: tx}
	if _, err := run(ctx, r, lockNumberSQL, lockNumber("codes of "+who.ID.String())); err != nil {
		return err
	}
	var lately int
	var known bool
	var locale string
	err := each(ctx, r, []any{&lately, &known, &locale}, func() error { return nil },
		codesOfSQL, who.ID.UUID(), ask.At.Add(-access.CodeWindow), ask.Asker, who.ID.String())
	if err != nil {
		return err
	}
	if lately >= access.CodesOfOne && !known {
		db.log.WarnContext(ctx, "a policyholder gets no more codes for now", "person", who.ID, "org", who.Org, "limit", access.CodesOfOne)
		if db.refused != nil {
			db.refused(ask.row(who, audit.Fact{Outcome: audit.Refused, Reason: access.ErrTooManyCodes.Code()}, db.now()))
		}
		return nil
	}
	code, id := access.NewCode(), event.NewID(ask.At)
	until := ask.At.Add(access.CodeAge)
	b := &pgx.Batch{}
	b.Queue(addCodeSQL, id.UUID(), who.Org.UUID(), who.ID.UUID(), ask.Policy, db.seal.Mac(code, codeLabel(id)), db.contactMac(contact), ask.Asker, ask.At, until)
	l := letter{Notice: push.CodeNotice(who.Company, code, access.CodeAge, until), Locale: locale}
	if err := db.queueLetter(b, who.ID, who.Org, id, push.CodeType, l); err != nil {
		return err
	}
	if err := queueAudit(b, []audit.Row{ask.row(who, audit.Fact{}, db.now())}); err != nil {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

func codeLabel(id event.ID) string { return "code " + id.String() }

func (db *DB) contactMac(contact string) []byte { return db.seal.Mac(contact, "sign-in contact") }

// codeKept is how long a code is remembered that is good no more: as long as the
// codes of a person are counted, at least.
const codeKept = 24 * time.Hour

// sweepCountsSQL forgets counts whose window is over; crosses orgs: age is all
// that counts.
const sweepCountsSQL = `DELETE FROM sign_in_count WHERE bucket IN (SELECT bucket FROM sign_in_count WHERE ends_at < $1 LIMIT 5000)`

// sweepCodesSQL forgets old codes; crosses orgs: age is all that counts.
const sweepCodesSQL = `DELETE FROM sign_in_code WHERE id IN (SELECT id FROM sign_in_code WHERE expires_at < $1 LIMIT 5000)`
