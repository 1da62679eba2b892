package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store"
)

type auditCmd struct {
	Verify verifyCmd `cmd:"" help:"Walk the chains of the audit log. Says where one breaks, and ends with 1."`
}

type verifyCmd struct {
	settings
	Org  string `help:"Only this organization's. Default: all, and the platform's own."`
	Head string `help:"seq:hash that an earlier run printed for --org: the row must still be there, as it was."`
}

// linkedWithin is how long a row may wait for its place in the chain before
// verify complains.
const linkedWithin = time.Minute

// errAudit is what verify ends with when something is wrong; it has said what.
var errAudit = errors.New("the audit log is not what it should be")

// Run prints a line for each chain: where it ends, or where it breaks.
func (c *verifyCmd) Run(ctx context.Context) (err error) {
	var only *access.OrgID
	if c.Org != "" {
		org, err := access.ParseOrgID(c.Org)
		if err != nil {
			return errors.New("--org is not an organization's id")
		}
		only = &org
	}
	kept, err := parseHead(c.Head)
	if err != nil {
		return err
	}
	if kept != nil && only == nil {
		return errors.New("--head goes with --org")
	}
	if err := c.complete(); err != nil {
		return err
	}
	p, err := c.visit(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(context.WithoutCancel(ctx))) }()
	sound := true
	err = p.db.VerifyAudit(ctx, only, time.Now().Add(-linkedWithin), func(v store.Verdict) error {
		sound = report(v) && sound
		return nil
	})
	if err == nil && kept != nil {
		var ok bool
		if ok, err = p.db.InChain(ctx, *only, kept.seq, kept.hash); err == nil && !ok {
			sound = false
			fmt.Fprintf(os.Stdout, "%s: row %d is not the one that --head names\n", nameOf(*only), kept.seq)
		}
	}
	if err == nil && !sound {
		err = errAudit
	}
	return err
}

// report prints one chain and says whether it is sound.
func report(v store.Verdict) bool {
	if v.Break != nil {
		fmt.Fprintf(os.Stdout, "%s: BROKEN at %s\n", nameOf(v.Org), v.Break)
		return false
	}
	fmt.Fprintf(os.Stdout, "%s: %d rows, head %d:%s\n", nameOf(v.Org), v.Seq, v.Seq, v.Hash)
	if v.Late > 0 {
		fmt.Fprintf(os.Stdout, "%s: %d rows are not linked though they are older than a minute, the oldest of %s\n", nameOf(v.Org), v.Late, v.Oldest.Format(time.RFC3339))
	}
	return v.Late == 0
}

// nameOf names the owner of a log.
func nameOf(org access.OrgID) string {
	if org.IsZero() {
		return "platform"
	}
	return org.String()
}
