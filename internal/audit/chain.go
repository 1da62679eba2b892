package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/openinsure/openinsure/internal/access"
)

// A Hash names a row and all rows before it.
type Hash [sha256.Size]byte

// String returns the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// format names the canonical form. Another form is another name: rows that are
// linked stay as they are.
const format = "openinsure audit 1"

// Link returns the hash of a row at its Seq after the row whose hash is prev:
// SHA-256 over prev and every column, each behind its length, so that nothing
// can move from one column to the next.
func (r Row) Link(prev Hash) Hash {
	w := writer{sha256.New()}
	w.text(format)
	w.text(string(prev[:]))
	w.number(r.Seq)
	for _, s := range []string{
		r.ID.UUID(), r.Org.UUID(), string(r.ActorKind), r.ActorID, string(r.Action), r.ObjectType, r.ObjectID, string(r.Outcome), r.Reason,
		r.Request.UUID(), r.Address,
	} {
		w.text(s)
	}
	w.number(r.Ord)
	w.number(r.At.UnixMicro())
	w.number(int64(r.Count))
	w.value(map[string]any(r.Details))
	return Hash(w.Sum(nil))
}

// writer writes values of JSON in the one way in which they are hashed. It does
// not lean on how a version of a library writes JSON.
type writer struct{ hash.Hash }

func (w writer) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // the bits are what counts
	_, _ = w.Write(b[:])
}

func (w writer) text(s string) {
	w.number(int64(len(s)))
	_, _ = w.Write([]byte(s))
}

func (w writer) value(v any) {
	switch v := v.(type) {
	case nil:
		w.text("null")
	case bool:
		w.text(fmt.Sprint("bool ", v))
	case json.Number:
		w.text("number")
		w.text(v.String())
	case string:
		w.text("string")
		w.text(v)
	case []any:
		w.text("array")
		w.number(int64(len(v)))
		for _, e := range v {
			w.value(e)
		}
	case map[string]any:
		w.text("object")
		w.number(int64(len(v)))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			w.text(k)
			w.value(v[k])
		}
	default:
		panic(fmt.Sprintf("audit details hold a %T, which no database returns", v))
	}
}

// A Head is where a chain ends.
type Head struct {
	Org  access.OrgID
	Seq  int64
	Hash Hash
}

// A Break is the first place at which a chain is not what it was.
type Break struct {
	Head        // the last sound row
	Row    *Row // at which it shows; nil: the end of the chain
	Reason string
}

// String says what is wrong, for people.
func (b Break) String() string {
	if b.Row == nil {
		return fmt.Sprintf("after row %d: %s", b.Seq, b.Reason)
	}
	return fmt.Sprintf("row %d (%s, written %s, %s): %s", b.Row.Seq, b.Row.ID, b.Row.At.Format("2006-01-02T15:04:05.000000Z"), b.Row.Action, b.Reason)
}

// Follow returns the head after a row, or where the chain breaks at it. Rows
// come in the order of their seq.
func (h Head) Follow(r Row) (Head, *Break) {
	reason := ""
	switch {
	case r.Seq <= h.Seq:
		reason = "another row has this place already"
	case r.Seq > h.Seq+1:
		reason = fmt.Sprintf("%d rows before it are missing", r.Seq-h.Seq-1)
	case r.Prev != h.Hash:
		reason = "it does not follow the row before it: one of the two was changed, moved or put in"
	case r.Link(h.Hash) != r.Hash:
		reason = "it was changed after it was linked"
	default:
		return Head{r.Org, r.Seq, r.Hash}, nil
	}
	return h, &Break{Head: h, Row: &r, Reason: reason}
}

// End returns nil when a chain that was followed to h ends where it was last
// seen to.
func (h Head) End(kept Head) *Break {
	switch {
	case kept.Seq > h.Seq:
		return &Break{Head: h, Reason: fmt.Sprintf("%d rows at the end are missing", kept.Seq-h.Seq)}
	case kept.Seq < h.Seq:
		return &Break{Head: h, Reason: fmt.Sprintf("the chain was known to end at row %d", kept.Seq)}
	case kept.Hash != h.Hash:
		return &Break{Head: h, Reason: "the chain was known to end in another hash"}
	}
	return nil
}
