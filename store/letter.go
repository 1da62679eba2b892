package store

import (
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
)

// A letter is the payload of a mail that is in no inbox. It lies sealed.
type letter struct {
	Notice push.Notice
	Locale string
	To     string // whose mailbox; empty: the person's whom the delivery names
	Name   string // how he is addressed; only with To
}

// letterLabel binds a sealed letter to its delivery.
func letterLabel(of event.ID) string { return "letter " + of.String() }

// addLetterSQL owes a mailbox a letter; crosses orgs: whoever signs in names
// none.
const addLetterSQL = `INSERT INTO delivery (org_id, kind, target, event_id, type, payload) VALUES ($1, 'mail', $2, $3, $4, $5)`

// queueLetter owes a policyholder a letter. It names the event that did not
// happen: a delivery has one.
func (db *DB) queueLetter(b *pgx.Batch, to access.PersonID, org access.OrgID, of event.ID, typ string, l letter) error {
	sealed, err := db.sealLetter(of, l)
	if err != nil {
		return err
	}
	b.Queue(addLetterSQL, org.UUID(), to.UUID(), of.UUID(), typ, sealed)
	return nil
}

// sealLetter is a letter as it lies in the table.
func (db *DB) sealLetter(of event.ID, l letter) ([]byte, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	return db.seal.Seal(plain, letterLabel(of)), nil
}

// openLetter opens what queueLetter sealed, and says in which language its
// reader reads. Nil when it cannot be opened: then nothing is sent.
func (db *DB) openLetter(sealed []byte, of event.ID, box *push.Mailbox) *push.Notice {
	var l letter
	if err := json.Unmarshal([]byte(db.openText(sealed, letterLabel(of))), &l); err != nil {
		return nil // openText has told the log
	}
	if box.Locale = l.Locale; l.To != "" {
		box.Address, box.Name = l.To, l.Name
	}
	return &l.Notice
}
