package rooms

import (
	"context"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ScheduleClose lets the room of a submission, when it has an active one, close
// by itself at a time. The room is locked: call it with the submission locked,
// and before any counter is. It returns where the submission's cards are shown.
func ScheduleClose(ctx context.Context, tx *store.Tx, id submission.ID, at time.Time) (Board, error) {
	r, ok, err := tx.LockRoomOf(ctx, id)
	if err != nil || !ok || r.Status != room.Active {
		return Board{r}, err
	}
	r.ClosesAt = &at
	return Board{r}, tx.SaveRoom(ctx, r)
}

// CloseRoom closes a room whose time has come by now, as the system; false when
// it has not, or somebody else is at it.
func CloseRoom(ctx context.Context, tx *store.Tx, by access.Actor, id room.ID, now time.Time) (bool, error) {
	r, ok, err := tx.LockDueRoom(ctx, id, now)
	if err != nil || !ok {
		return false, err
	}
	author, err := authorOf(ctx, tx.Reader, by)
	if err != nil {
		return false, err
	}
	c := change{tx: tx, by: by, author: author, at: now, room: r}
	if err := c.move(ctx, new(room.Closed), dueReason); err != nil {
		return false, err
	}
	return true, tx.SaveRoom(ctx, c.room)
}
