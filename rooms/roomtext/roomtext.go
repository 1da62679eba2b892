// Package roomtext says in words what happened in a room, for those who read a room
// as lines of text.
package roomtext

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Message is the type of what somebody says.
const Message = "deal_room.message_posted"

// An Author is who did something, and for whom.
type Author struct {
	Name    string `json:"name"`
	OrgName string `json:"orgName"`
}

// String names him and his company.
func (a Author) String() string {
	if a.OrgName == "" {
		return a.Name
	}
	return a.Name + " (" + a.OrgName + ")"
}

// A Person takes part in a room.
type Person struct {
	UserID string `json:"userId"`
	Author
	Role string `json:"role"`
}

// A Fact is what any event of a room may hold: the data of its envelope.
type Fact struct {
	Author      Author    `json:"author"`
	Body        string    `json:"body"`
	DeletedAt   string    `json:"deletedAt"`
	EditedAt    string    `json:"editedAt"`
	CreatedAt   time.Time `json:"createdAt"`
	Attachments []struct {
		Name string `json:"name"`
	} `json:"attachments"`
	Seq         int64   `json:"seq"`
	UserID      string  `json:"userId"`
	Left        bool    `json:"left"`
	Participant *Person `json:"participant"`
	Title       string  `json:"title"`
	Reason      string  `json:"reason"`
	Text        string  `json:"text"` // of a card
	File        struct {
		Name string `json:"name"`
	} `json:"file"`
	Annotation struct {
		Page   int    `json:"page"`
		Body   string `json:"body"`
		Author Author `json:"author"`
	} `json:"annotation"`
}

// Said is what a message says.
func (f Fact) Said() string {
	if f.DeletedAt != "" {
		return "[deleted]"
	}
	parts := []string{f.Body}
	for _, a := range f.Attachments {
		parts = append(parts, "["+a.Name+"]")
	}
	if f.EditedAt != "" {
		parts = append(parts, "[edited]")
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// A Cast are the people of a room, as far as what was said of them goes.
type Cast struct{ People []Person }

// Sentence says what happened, and keeps the list of people. The type is that of
// the event, of which a newer server may have more.
func (c *Cast) Sentence(typ string, f Fact) string {
	if typ == Message {
		return fmt.Sprintf("%s: %s", f.Author, f.Said())
	}
	kind := strings.TrimPrefix(typ, "deal_room.")
	switch kind {
	case "message_edited":
		return fmt.Sprintf("%s edited message %d: %s", f.Author, f.Seq, f.Said())
	case "message_deleted":
		return fmt.Sprintf("%s deleted message %d", f.Author, f.Seq)
	case "created":
		return fmt.Sprintf("%s opened the room: %s", f.Author, f.Title)
	case "updated":
		return fmt.Sprintf("%s renamed the room: %s", f.Author, f.Title)
	case "participant_added", "participant_updated":
		if f.Participant == nil {
			return kind
		}
		c.drop(f.Participant.UserID)
		c.People = append(c.People, *f.Participant)
		if kind == "participant_added" {
			return fmt.Sprintf("%s joined as %s, invited by %s", f.Participant, f.Participant.Role, f.Author)
		}
		return fmt.Sprintf("%s is %s now, by %s", f.Participant, f.Participant.Role, f.Author)
	case "participant_removed":
		who := c.drop(f.UserID)
		if f.Left {
			return who + " left"
		}
		return fmt.Sprintf("%s was removed by %s", who, f.Author)
	case "closed":
		return fmt.Sprintf("%s closed the room: %s", f.Author, f.Reason)
	case "reopened":
		return fmt.Sprintf("%s reopened the room", f.Author)
	case "archived":
		return fmt.Sprintf("%s archived the room", f.Author)
	case "file_added":
		return fmt.Sprintf("%s added %s", f.Author, f.File.Name)
	case "annotation_added":
		return fmt.Sprintf("%s remarked on page %d: %s", f.Annotation.Author, f.Annotation.Page, f.Annotation.Body)
	case "annotation_updated":
		return fmt.Sprintf("%s changed the remark on page %d: %s", f.Author, f.Annotation.Page, f.Annotation.Body)
	case "card_posted":
		return f.Text
	}
	return kind
}

// drop takes somebody off the list and returns his name.
func (c *Cast) drop(user string) string {
	for i, p := range c.People {
		if p.UserID == user {
			c.People = append(c.People[:i:i], c.People[i+1:]...)
			return p.String()
		}
	}
	return user
}

// Plain is a text in which nothing commands a terminal or changes the direction of
// what stands beside it; line ends become what f makes of them.
func Plain(text, lineEnd string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text), "\n", lineEnd)
}
