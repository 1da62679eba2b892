package rooms

import (
	"context"
	"time"

	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// ScheduleClose lets the room of a submission, when it has an active one, close
// by itself at a time. The room is locked: call it with the submission locked,
// and before any counter is.
func ScheduleClose(ctx context.Context, tx *store.Tx, id submission.ID, at time.Time) error {
	r, ok, err := tx.LockRoomOf(ctx, id)
	if err != nil || !ok || r.Status != room.Active {
		return err
	}
	r.ClosesAt = &at
	return tx.SaveRoom(ctx, r)
}
