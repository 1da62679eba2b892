package store_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// sealsNoRow are the functions that call Seal and yet seal no column that a
// rotation would have to seal anew.
var sealsNoRow = map[string]string{
	"Ask":           "a request for a code, which is answered within moments and worth nothing after ten minutes",
	"AddSealingKey": "a key under the one before it, which goes with that",
	"Seal":          "the cipher itself",
	"SealWith":      "the cipher itself",
}

// TestEverySealedColumnIsKnown compares the columns that a rotation seals anew
// with the places that seal.
func TestEverySealedColumnIsKnown(t *testing.T) {
	want := slices.Sorted(maps.Values(store.Sealed()))
	var got []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || sealsNoRow[fn.Name.Name] != "" {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Seal" {
					got = append(got, fn.Name.Name)
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what seals, and is in sealedColumns (-registered +found):\n%s", d)
	}
}

// A vault is one deployment: a database with something in every sealed column,
// and what was sealed.
type vault struct {
	url      string
	by       access.Actor
	endpoint push.Endpoint
	device   push.Device
	once     store.Once
	link     string // in the mail of an invitation that waits
}

// open opens a database by a ring of keys.
func (v vault) open(t *testing.T, keys string) *store.DB {
	t.Helper()
	ring, err := seal.ParseRing(keys)
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Open(t, store.Config{URL: v.url, Sealer: ring})
}

func newVault(t *testing.T, keys string) vault {
	t.Helper()
	v := vault{url: storetest.URL(t), once: store.Once{Principal: "usr_1", Route: "POST /v1/x", Key: "k"}}
	db := v.open(t, keys)
	v.by = storetest.Org(t, db, "Summit")
	v.endpoint, v.device = storetest.Endpoint(t, db, v.by), storetest.Device(t, db, v.by)
	v.answer(t, db, false)
	v.link = "https://here/rooms/join#" + invited(t, db, storetest.Room(t, db, v.by), v.by, "gus@harbor.example")
	return v
}

// invited owes somebody an invitation into a room and returns what its link ends
// in.
func invited(t *testing.T, db *store.DB, r room.Room, by access.Actor, email string) string {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	i := room.Invitation{
		ID: room.NewInvitationID(now), Room: r.ID, Org: r.Org, Email: email, Role: room.Broker, CanChat: true,
		InvitedBy: event.Author{ID: by.ID}, State: room.Waiting, CreatedAt: now, ExpiresAt: now.Add(room.InvitationAge),
	}
	link := room.NewSecret()
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		if _, err := tx.LockRoom(t.Context(), r.ID); err != nil {
			return err
		}
		notice := push.InvitationNotice("Una", "Summit", "Builders", "https://here/rooms/join#"+string(link), "https://here/rooms/join", "code", room.InvitationAge, i.ExpiresAt)
		return tx.AddInvitation(t.Context(), by, i, link, room.NewCode(), notice)
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(link)
}

// answer asks for the recorded answer, or records it.
func (v vault) answer(t *testing.T, db *store.DB, replayed bool) {
	t.Helper()
	a, was, err := db.Once(t.Context(), v.by, v.once, func(context.Context) (store.Answer, error) {
		return store.Answer{Status: 201, Body: []byte("the answer")}, nil
	})
	if err != nil || was != replayed || string(a.Body) != "the answer" {
		t.Errorf("answer: %+v, replayed %v, %v", a, was, err)
	}
}

// readable fails unless db opens everything.
func (v vault) readable(t *testing.T, db *store.DB) {
	t.Helper()
	v.answer(t, db, true)
	storetest.SQL(t, db, `DELETE FROM delivery WHERE kind = 'webhook'`)
	storetest.SQL(t, db, `UPDATE delivery SET state = 'pending', lease_until = NULL, worker = '', next_at = now() WHERE kind = 'mail'`)
	letters := must[[]push.Delivery](t)(db.Lease(t.Context(), push.Mail, "node", 10, time.Minute))
	if len(letters) != 1 || letters[0].Notice == nil || letters[0].Notice.URL != v.link || letters[0].Mailbox.Address != "gus@harbor.example" {
		t.Errorf("leased %d letters, of which the link is not what it was", len(letters))
	}
	storetest.SQL(t, db, `INSERT INTO event (id, org_id, type, resource, subject, payload, occurred_at)
		SELECT new_ulid(), $1, 'policy.bound', 'policies', 'pol', '{}', now()`, v.by.Org.UUID())
	storetest.SQL(t, db, `INSERT INTO delivery (org_id, kind, target, event_id, type)
		SELECT $1, 'webhook', $2, id, type FROM event ORDER BY id DESC LIMIT 1`, v.by.Org.UUID(), v.endpoint.ID.UUID())
	leased := must[[]push.Delivery](t)(db.Lease(t.Context(), push.Webhook, "node", 10, time.Minute))
	if len(leased) != 1 || leased[0].Endpoint.Secret != v.endpoint.Secret {
		t.Errorf("leased %d deliveries, of which the secret is not what it was", len(leased))
	}
}

// counts are the rows by column and key.
func counts(t *testing.T, db *store.DB) map[string]int64 {
	t.Helper()
	m := map[string]int64{}
	for _, n := range must[[]store.SealedCount](t)(db.SealedBy(t.Context())) {
		m[n.Column+" "+n.Key] = n.Rows
	}
	return m
}

// rotate makes key k2 as the command does and seals everything under it.
func rotate(t *testing.T, v vault, old, fresh string) store.Resealed {
	t.Helper()
	ring, err := seal.ParseRing(old)
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, store.Config{URL: v.url, Sealer: ring})
	name, _, _ := strings.Cut(fresh, ":")
	if err := errors.Join(db.AddSealingKey(t.Context(), name, fresh), ring.Learn(fresh)); err != nil {
		t.Fatal(err)
	}
	return must[store.Resealed](t)(db.Reseal(t.Context(), name))
}

func TestRotationBesideAServer(t *testing.T) {
	k1, k2, k3 := seal.NewKey("k1"), seal.NewKey("k2"), seal.NewKey("k3")
	v := newVault(t, k1)
	server := v.open(t, k1)
	v.readable(t, server)
	if done := rotate(t, v, k1, k2); done.Rows != 4 || done.Closed != 0 {
		t.Errorf("rotation: %+v, want 4 rows", done)
	}
	want := map[string]int64{"endpoint.secret k2": 1, "device.address k2": 1, "delivery.payload k2": 1, "idempotency.answer k2": 1}
	if d := cmp.Diff(want, counts(t, server)); d != "" {
		t.Errorf("by key (-want +got):\n%s", d)
	}
	v.readable(t, server)               // learned it
	v.readable(t, v.open(t, k1))        // so does one that starts with the old setting
	v.readable(t, v.open(t, k2+","+k1)) // and the one with the new
	storetest.Endpoint(t, server, v.by) // sealed by k1, since nobody restarted it
	if n := counts(t, server)["endpoint.secret k1"]; n != 1 {
		t.Errorf("%d endpoints sealed by k1, want 1", n)
	}
	rotated := v.open(t, k2+","+k1)
	if done := must[store.Resealed](t)(rotated.Reseal(t.Context(), "k2")); done.Rows != 1 {
		t.Errorf("what was left: %+v, want 1 row", done)
	}
	// Again, with a server that has missed both.
	if done := rotate(t, v, k2+","+k1, k3); done.Rows != 5 {
		t.Errorf("second rotation: %+v, want 5 rows", done)
	}
	v.readable(t, v.open(t, k1))
	if err := rotated.DropSealingKey(t.Context(), "k1"); err != nil {
		t.Fatal(err)
	}
	if keys := must[[]store.SealingKey](t)(rotated.SealingKeys(t.Context())); len(keys) != 1 || keys[0].Name != "k3" {
		t.Errorf("keys under keys: %v, want k3 under k2 alone", keys)
	}
	v.readable(t, v.open(t, k3))
	actions := storetest.Value[string](t, rotated, `SELECT string_agg(action, ' ' ORDER BY ord) FROM audit WHERE org_id = '00000000-0000-0000-0000-000000000000'`)
	if actions != "sealing_key.rotated sealing_key.rotated sealing_key.dropped" {
		t.Errorf("kept: %s", actions)
	}
}

// TestResealGoesOn: more than a batch, rows that nobody can open among them,
// and a run that is cut off.
func TestResealGoesOn(t *testing.T) {
	k1, k2 := seal.NewKey("k1"), seal.NewKey("k2")
	v := newVault(t, k1)
	db := v.open(t, k2+","+k1)
	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			old := v.open(t, k1)
			for i := range 120 {
				storetest.Device(t, old, access.Actor{Kind: access.User, ID: access.NewUserID(time.Now().Add(time.Duration(i))).String(), Org: v.by.Org})
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Reseal(ctx, "k2"); err == nil {
		t.Error("a run that was cut off is no error")
	}
	for range 3 { // beside the writers
		must[store.Resealed](t)(db.Reseal(t.Context(), "k2"))
	}
	writing.Wait()
	lost := v.open(t, seal.NewKey("lost"))
	for range 5 {
		storetest.Device(t, lost, access.Actor{Kind: access.User, ID: access.NewUserID(time.Now()).String(), Org: v.by.Org})
	}
	if done := must[store.Resealed](t)(db.Reseal(t.Context(), "k2")); done.Closed != 5 {
		t.Errorf("%+v, want 5 that cannot be opened", done)
	}
	want := map[string]int64{"endpoint.secret k2": 1, "device.address k2": 481, "device.address lost": 5, "delivery.payload k2": 1, "idempotency.answer k2": 1}
	if d := cmp.Diff(want, counts(t, db)); d != "" {
		t.Errorf("by key (-want +got):\n%s", d)
	}
	if done := must[store.Resealed](t)(db.Reseal(t.Context(), "k2")); done.Rows != 0 {
		t.Errorf("done twice: %+v", done)
	}
	v.readable(t, db)
}

// TestRotationIsNotMadeTwice: of two that begin at once, one has to go on with
// the other's key.
func TestRotationIsNotMadeTwice(t *testing.T) {
	k1 := seal.NewKey("k1")
	v := newVault(t, k1)
	db := v.open(t, k1)
	fresh := seal.NewKey("k2")
	if err := db.AddSealingKey(t.Context(), "k2", fresh); err != nil {
		t.Fatal(err)
	}
	if err := db.AddSealingKey(t.Context(), "k2", seal.NewKey("k2")); !errors.Is(err, store.ErrDuplicate) {
		t.Errorf("a second key of the name: %v", err)
	}
	keys := must[[]store.SealingKey](t)(db.SealingKeys(t.Context()))
	if got := must[string](t)(db.OpenSealingKey(keys[0])); len(keys) != 1 || got != fresh {
		t.Errorf("%d keys, the first is not what was put in", len(keys))
	}
	if s := storetest.Value[string](t, db, `SELECT encode(key, 'escape') FROM sealing_key`); strings.Contains(s, strings.TrimPrefix(fresh, "k2:")) {
		t.Error("the key is there for all to read")
	}
}
