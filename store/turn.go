package store

import (
	"context"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/quote"
)

// What many hold at once and somebody may change has a turn beside its row: an
// advisory lock, which whoever holds the row shares, and whoever changes it has
// alone, before the row. A row's own lock is not fair: those who share it pass by
// one who waits to change it, so that while binds follow each other closely he
// never gets it. An advisory lock is given in the order of asking.
//
// A turn only says who comes next. What is right is the row's lock: where a turn
// was taken for what is no more the thing to hold, somebody waits longer.

// turnOf begins the number of a turn; the id of the thing and turnEnd follow.
const (
	turnOf  = `hashtextextended('turn of ' || `
	turnEnd = `, 0)`
)

// turnSQL takes the turn of a thing alone; crosses orgs: it says nothing of the
// thing, and the row is asked for next.
const turnSQL = `SELECT pg_advisory_xact_lock(` + turnOf + `$1::uuid` + turnEnd + `)`

// turn takes the turn of a thing alone, on the way to what is asked next.
func (tx *Tx) turn(ctx context.Context, of interface{ UUID() string }) error {
	return tx.write(ctx, turnSQL, of.UUID())
}

// shareProgramSQL shares the turn of the program of a line.
const shareProgramSQL = `SELECT pg_advisory_xact_lock_shared(` + turnOf + `t.id` + turnEnd + `) FROM program t WHERE t.org_id = $1 AND t.line_of_business = $2`

func (tx *Tx) shareProgram(ctx context.Context, line string) error {
	return tx.write(ctx, shareProgramSQL, tx.org.UUID(), line)
}

// shareCoveringSQL shares the turns of what holdCoveringSQL is about to hold: the
// agreement, then its carrier.
const shareCoveringSQL = `WITH found AS MATERIALIZED (SELECT t.id, t.carrier_id FROM da_agreement t WHERE t.org_id = $1 AND t.program_id = $2 ` + coveringFirst + `)
	SELECT pg_advisory_xact_lock_shared(` + turnOf + `id` + turnEnd + `), pg_advisory_xact_lock_shared(` + turnOf + `carrier_id` + turnEnd + `) FROM found`

func (tx *Tx) shareCovering(ctx context.Context, program quote.ProgramID, on civil.Date) error {
	return tx.write(ctx, shareCoveringSQL, tx.org.UUID(), program.UUID(), on.String())
}

// shareFileSQL shares the turns of a producer, and of his firm when there is one.
const shareFileSQL = `SELECT pg_advisory_xact_lock_shared(` + turnOf + `t.id` + turnEnd + `), pg_advisory_xact_lock_shared(` + turnOf + `t.parent_id` + turnEnd + `)
	FROM producer t WHERE t.org_id = $1 AND t.id = $2`

func (tx *Tx) shareFile(ctx context.Context, id producer.ID) error {
	return tx.write(ctx, shareFileSQL, tx.org.UUID(), id.UUID())
}
