package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/event"
)

// A Told is an event that was committed: its frozen envelope and its place in
// the list.
type Told struct {
	ID      event.ID
	At      time.Time
	Payload json.RawMessage
}

const eventColumns = `t.id, t.occurred_at, t.payload`

func scanTold(row pgx.CollectableRow) (Told, error) {
	var e Told
	return e, row.Scan(&e.ID, &e.At, (*[]byte)(&e.Payload))
}

// Events lists events of the reader's organisation, newest first: of one type
// unless typ is empty, and of the given resources.
func (r Reader) Events(ctx context.Context, typ string, resources []string, p Page) ([]Told, error) {
	w := r.where()
	w.equal("type", typ)
	w.and("t.resource = ANY ($?)", resources)
	return list(ctx, r, scanTold, eventColumns, "event", "occurred_at", w, p)
}

// eventSQL reads one event.
const eventSQL = `SELECT ` + eventColumns + ` FROM event t WHERE t.org_id = $1 AND t.id = $2 AND t.resource = ANY ($3)`

// Event reads one event of the given resources.
func (r Reader) Event(ctx context.Context, id event.ID, resources []string) (Told, error) {
	return one(ctx, r, scanTold, eventSQL, r.org.UUID(), id.UUID(), resources)
}
