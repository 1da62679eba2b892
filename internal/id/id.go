// Package id makes prefixed, typed, sortable identifiers: a ULID under a prefix
// that says what it names (pol_01J8…), stored as a uuid of the same 128 bits.
package id

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/openinsure/openinsure/internal/fault"
)

// ErrMalformed is what parsing answers for anything that is not an id of the
// wanted kind. What was sent is not repeated: it may be personal data.
var ErrMalformed = fault.New(fault.Invalid, "validation_failed", "An id is malformed.")

// A Kind names what an ID identifies. Its Prefix ends in an underscore.
type Kind interface{ Prefix() string }

// ID is the identifier of one thing of kind K. The zero ID names nothing.
type ID[K Kind] [16]byte

// entropy is monotonic, so that ids made in one millisecond still sort in the
// order in which they were made; mu guards it.
var (
	mu      sync.Mutex
	entropy = ulid.Monotonic(rand.Reader, 0)
)

// New mints an id at the given time, which is also the id's sort key.
func New[K Kind](at time.Time) ID[K] {
	return ID[K](newULID(at, entropy))
}

func newULID(at time.Time, from io.Reader) ulid.ULID {
	mu.Lock()
	defer mu.Unlock()
	return ulid.MustNew(ulid.Timestamp(at), from)
}

// Parse reads the prefixed form. Lower-case ULIDs are accepted.
func Parse[K Kind](s string) (ID[K], error) {
	var k K
	rest, ok := strings.CutPrefix(s, k.Prefix())
	if !ok {
		return ID[K]{}, ErrMalformed
	}
	u, err := ulid.ParseStrict(rest)
	if err != nil {
		return ID[K]{}, ErrMalformed.Because(err)
	}
	if u.IsZero() { // it names nothing, and is said by saying nothing
		return ID[K]{}, ErrMalformed
	}
	return ID[K](u), nil
}

// ParseLoose reads the prefixed form or a plain uuid: what the reference allows
// for an organisation.
func ParseLoose[K Kind](s string) (ID[K], error) {
	if v, err := Parse[K](s); err == nil {
		return v, nil
	}
	v, err := ParseUUID[K](s)
	if err == nil && v.IsZero() {
		err = ErrMalformed
	}
	return v, err
}

// ParseUUID reads the 36-character uuid form.
func ParseUUID[K Kind](s string) (ID[K], error) {
	var v ID[K]
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return v, ErrMalformed
	}
	if _, err := hex.Decode(v[:], []byte(s[0:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])); err != nil {
		return ID[K]{}, ErrMalformed.Because(err)
	}
	return v, nil
}

// IsZero reports whether the id names nothing.
func (v ID[K]) IsZero() bool { return v == ID[K]{} }

// String returns the prefixed form; the zero id is the empty string.
func (v ID[K]) String() string {
	if v.IsZero() {
		return ""
	}
	var k K
	return k.Prefix() + ulid.ULID(v).String()
}

// UUID returns the uuid form in which Postgres stores it.
func (v ID[K]) UUID() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", v[0:4], v[4:6], v[6:8], v[8:10], v[10:16])
}

// Time returns when the id was minted, to the millisecond.
func (v ID[K]) Time() time.Time { return ulid.Time(ulid.ULID(v).Time()).UTC() }

// MarshalText implements encoding.TextMarshaler with the prefixed form.
func (v ID[K]) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; empty text is the zero id.
func (v *ID[K]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*v = ID[K]{}
		return nil
	}
	p, err := Parse[K](string(b))
	if err != nil {
		return err
	}
	*v = p
	return nil
}

// Value implements driver.Valuer: the uuid form, or NULL for the zero id.
func (v ID[K]) Value() (driver.Value, error) {
	if v.IsZero() {
		return nil, nil
	}
	return v.UUID(), nil
}

// Scan implements sql.Scanner for uuid columns; NULL is the zero id.
func (v *ID[K]) Scan(src any) error {
	switch s := src.(type) {
	case nil:
		*v = ID[K]{}
		return nil
	case string:
		p, err := ParseUUID[K](s)
		if err != nil {
			return err
		}
		*v = p
		return nil
	case [16]byte:
		*v = s
		return nil
	case []byte:
		if len(s) == 16 {
			copy(v[:], s)
			return nil
		}
		return v.Scan(string(s))
	}
	return fmt.Errorf("scan %T as an id", src)
}
