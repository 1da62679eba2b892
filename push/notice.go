package push

import (
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/id"
)

type noticeKind struct{}

func (noticeKind) Prefix() string { return "ntf_" }

// NoticeID identifies a notice.
type NoticeID = id.ID[noticeKind]

// NewNoticeID mints the id of a notice.
func NewNoticeID(at time.Time) NoticeID { return id.New[noticeKind](at) }

// Words are what a person reads of an event, in one language.
type Words = event.Words

// A Notice is what one person is told of one event: a row of his inbox, and
// what his phones and mailbox show.
type Notice struct {
	ID       NoticeID         // zero for a letter, which no inbox has
	Category string           // for preferences: see Categories
	About    string           // the id of what happened to something: notices on one thing replace each other on a phone
	Words    map[string]Words // by language; always has en
	URL      string           // of a letter: the whole address to open, in place of Link
	Link     string           // the path of what to open, such as /deal-rooms/room_…
	Urgent   bool             // not held back by quiet hours
	Expires  time.Time        // not worth telling later
	ReadAt   *time.Time
}

// In returns the notice's words in the best language there is for a BCP 47
// locale: es for es-MX, en for what nobody has translated.
func (n Notice) In(locale string) Words {
	lang, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
	if w, ok := n.Words[lang]; ok {
		return w
	}
	return n.Words["en"]
}
