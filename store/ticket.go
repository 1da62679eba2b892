package store

import (
	"context"

	"github.com/openinsure/openinsure/internal/access"
)

// useTicketSQL uses a ticket up; crosses orgs: nobody acts yet.
const useTicketSQL = `INSERT INTO ticket_use (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`

// UseTicket uses a verified ticket up; access.ErrTicket when it was used
// before, on any node. Of two uses at once one succeeds.
func (db *DB) UseTicket(ctx context.Context, t access.Ticket) error {
	n, err := run(ctx, db.everywhere(), useTicketSQL, t.ID.UUID(), t.Expires)
	if err == nil && n == 0 {
		err = access.ErrTicket
	}
	return err
}
