// Package rooms holds the use cases of deal rooms, where a broker and an
// underwriter of two companies work a submission: who is in, what is said, what
// is shown. It asks who may, locks what changes, applies the rules of package
// room, saves and tells; all or nothing.
package rooms

import (
	"context"
	"time"

	"gocloud.dev/blob"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/flag"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// Config adjusts a House.
type Config struct {
	Now func() time.Time // time.Now when nil
	// Flag is whether a feature flag is on for an organisation; nil knows what is
	// built in.
	Flag func(org access.OrgID, key string) bool
}

// A House is where the rooms are.
type House struct {
	db    *store.DB
	posts *store.Poster
	files *blob.Bucket
	cfg   Config

	authors  *memo[string, event.Author] // by the actor's id
	hearings *memo[hearer, Hearing]
}

// New returns a House over a database. Posts commits what is said; files keeps
// the bytes of what is uploaded.
func New(db *store.DB, posts *store.Poster, files *blob.Bucket, cfg Config) *House {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Flag == nil {
		cfg.Flag = flag.Values{}.Bool
	}
	return &House{
		db: db, posts: posts, files: files, cfg: cfg,
		authors: newMemo[string, event.Author](cfg.Now), hearings: newMemo[hearer, Hearing](cfg.Now),
	}
}

func (h *House) now() time.Time { return h.cfg.Now().UTC().Truncate(time.Microsecond) }

// room reads a room and checks a permission on it.
func (h *House) room(ctx context.Context, r store.Reader, by access.Actor, id room.ID, want access.Permission) (room.Room, error) {
	found, err := r.Room(ctx, id)
	if err != nil {
		return room.Room{}, err
	}
	return found, access.Check(ctx, r, by, want, found.Object())
}

// lock is room, for a change.
func (h *House) lock(ctx context.Context, tx *store.Tx, by access.Actor, id room.ID, want access.Permission) (room.Room, error) {
	found, err := tx.LockRoom(ctx, id)
	if err != nil {
		return room.Room{}, err
	}
	return found, access.Check(ctx, tx, by, want, found.Object())
}

// ShowCard shows a fact in the room of a submission, when it has one, in the
// transaction of the fact itself. The card is heard by both companies.
func ShowCard(ctx context.Context, tx *store.Tx, id submission.ID, c event.Card, at time.Time) error {
	r, _, err := tx.RoomOf(ctx, id)
	if err == nil {
		Board{r}.Show(tx, c, at)
	}
	return err
}

// A Board is where the cards of one submission are shown: its room. The zero
// Board, of a submission without a room, shows nothing.
type Board struct{ room room.Room }

// Show is ShowCard for one who has the board.
func (b Board) Show(tx *store.Tx, c event.Card, at time.Time) {
	r := b.room
	if r.ID.IsZero() {
		return
	}
	c.RoomID, c.SubmissionID = r.ID.String(), r.Submission.String()
	e := event.New(r.Org, r.ID.String(), c, at)
	e.Also = []event.Channel{room.Shared(r.ID, r.Org)}
	tx.Emit(e)
}
