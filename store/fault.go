package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/quote"
)

// Faults that only the database can find.
var (
	ErrDuplicateExternalID = fault.New(fault.Conflict, "duplicate_external_id", "Another resource of this type already has that externalId.").Field("externalId", "unique")
	ErrDuplicateEmail      = fault.New(fault.Conflict, "duplicate_email", "A user with that e-mail address exists already.").Field("email", "unique")
	ErrDuplicate           = fault.New(fault.Conflict, "conflict", "That exists already.")
	ErrUnavailable         = fault.New(fault.Unavailable, "unavailable", "The database cannot answer right now.").With("part", "database")
)

// uniques says which fault a violated unique constraint is.
var uniques = map[string]*fault.Error{
	"submission_org_id_external_id_key":   ErrDuplicateExternalID,
	"policy_org_id_external_id_key":       ErrDuplicateExternalID,
	"invoice_org_id_external_id_key":      ErrDuplicateExternalID,
	"room_org_id_external_id_key":         ErrDuplicateExternalID,
	"producer_external_id":                ErrDuplicateExternalID,
	"producer_npn":                        ErrDuplicateNPN,
	"producer_license_number":             ErrDuplicate.Field("number", "unique"),
	"carrier_external_id":                 ErrDuplicateExternalID,
	"carrier_name":                        carrier.ErrExists,
	"da_agreement_external_id":            ErrDuplicateExternalID,
	"app_user_email":                      ErrDuplicateEmail,
	"program_org_id_line_of_business_key": quote.ErrProgramExists,
}

// faultOf turns what Postgres said into a fault, by SQLSTATE and constraint
// name. What it does not know stays as it is, which makes it internal.
func faultOf(err error) error {
	var known *fault.Error
	var pg *pgconn.PgError
	var network net.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return fault.ErrNotFound.Because(err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return ErrUnavailable.Because(err).Retry(time.Second)
	case errors.As(err, &pg):
		return faultOfState(pg, err)
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isConnect(err), pgconn.SafeToRetry(err):
		return ErrUnavailable.Because(err).Retry(time.Second)
	}
	return err
}

func isConnect(err error) bool {
	var c *pgconn.ConnectError
	return errors.As(err, &c)
}

func faultOfState(pg *pgconn.PgError, err error) error {
	switch {
	case pg.Code == "23505":
		if f, ok := uniques[pg.ConstraintName]; ok {
			return f.Because(err)
		}
		return ErrDuplicate.Because(err)
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"),
		pg.Code == "57014", pg.Code == "55P03", pg.Code == "40001", pg.Code == "40P01", pg.Code == "25P03":
		// connection, shutdown, resources, statement and lock timeouts,
		// serialization, deadlock, idle in transaction
		return ErrUnavailable.Because(err).Retry(time.Second)
	}
	return err
}
