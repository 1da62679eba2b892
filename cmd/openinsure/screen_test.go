package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	liveclient "github.com/openinsure/openinsure/clients/live"
)

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, time.UTC)
	show := func(e liveclient.Event) {
		t.Helper()
		if err := s.show(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(channel, kind, data string) {
		t.Helper()
		show(liveclient.Entry{Channel: channel, Event: liveclient.Envelope{
			Type: "deal_room." + kind, Timestamp: time.Date(2026, 5, 1, 14, 3, 5, 0, time.UTC), Data: json.RawMessage(data),
		}})
	}
	const (
		una  = `{"id":"usr_1","name":"Una Underwriter","orgName":"Summit"}`
		ben  = `{"userId":"usr_2","name":"Ben Broker","orgName":"Harbor","role":"broker"}`
		room = "room:room_1"
	)
	first := liveclient.Init{
		Channel: room, Room: json.RawMessage(`{"title":"Builders GL","status":"active"}`),
		Participants: json.RawMessage(`[{"userId":"usr_1","name":"Una Underwriter","orgName":"Summit","role":"lead_underwriter"}]`),
		Messages: json.RawMessage(`[{"author":` + una + `,"body":"Hello","createdAt":"2026-05-01T14:00:00Z"},
			{"author":` + una + `,"body":"","createdAt":"2026-05-01T14:01:00Z","deletedAt":"2026-05-01T14:02:00Z"},
			{"author":` + una + `,"body":"1M/2M","createdAt":"2026-05-01T14:02:00Z","editedAt":"2026-05-01T14:02:30Z"}]`),
	}
	show(first)
	entry(room, "message_posted", `{"author":`+una+`,"body":"two\nlines \u001b[2Jand \u202ea trick","attachments":[{"name":"loss-runs.pdf"}]}`)
	entry("desk:room_1:org_1", "message_posted", `{"author":`+una+`,"body":"Between us."}`)
	entry(room, "message_edited", `{"author":`+una+`,"seq":3,"body":"1M/1M"}`)
	entry(room, "message_deleted", `{"author":`+una+`,"seq":4}`)
	entry(room, "participant_added", `{"author":`+una+`,"participant":`+ben+`}`)
	entry(room, "participant_updated", `{"author":`+una+`,"participant":{"userId":"usr_2","name":"Ben Broker","orgName":"Harbor","role":"viewer"}}`)
	s.who()
	entry(room, "participant_removed", `{"author":`+una+`,"userId":"usr_2"}`)
	entry(room, "participant_removed", `{"author":`+una+`,"userId":"usr_9","left":true}`)
	entry(room, "card_posted", `{"card":"policy.bound","text":"Bound as GL-2026-000142."}`)
	entry(room, "file_added", `{"author":`+una+`,"file":{"name":"loss-runs.pdf"}}`)
	entry(room, "annotation_added", `{"annotation":{"page":2,"body":"Still open?","author":`+una+`}}`)
	entry(room, "annotation_updated", `{"author":`+una+`,"annotation":{"page":2,"body":"Still open?"}}`)
	entry(room, "created", `{"author":`+una+`,"title":"Builders GL"}`)
	entry(room, "updated", `{"author":`+una+`,"title":"Builders GL 2026"}`)
	entry(room, "closed", `{"author":`+una+`,"reason":"Bound."}`)
	entry(room, "reopened", `{"author":`+una+`}`)
	entry(room, "archived", `{"author":`+una+`}`)
	entry(room, "of_tomorrow", `{}`)
	show(liveclient.Disconnected{Err: errors.New("the connection broke")})
	show(liveclient.Disconnected{Err: errors.New("refused")})
	show(liveclient.Init{Channel: room, Resumed: true, Room: first.Room, Participants: first.Participants})
	show(liveclient.Reset{Channel: "desk:room_1:org_1", Reason: "too_old"})
	show(liveclient.Unsubscribed{Channel: "desk:room_1:org_1", Code: "forbidden", Message: "You have no desk here."})
	err := s.show(t.Context(), liveclient.Unsubscribed{Channel: room, Code: "not_found", Message: "You are not in this room any more."})
	if no, ok := errors.AsType[*liveclient.Refused](err); !ok || no.Message != "You are not in this room any more." {
		t.Errorf("removed from the room: %v", err)
	}
	want := `== Builders GL (active)
   Una Underwriter (Summit), lead_underwriter
14:00:00  Una Underwriter (Summit): Hello
14:01:00  Una Underwriter (Summit): [deleted]
14:02:00  Una Underwriter (Summit): 1M/2M [edited]
--
14:03:05  Una Underwriter (Summit): two ⏎ lines [2Jand a trick [loss-runs.pdf]
14:03:05  [desk]  Una Underwriter (Summit): Between us.
14:03:05  * Una Underwriter (Summit) edited message 3: 1M/1M
14:03:05  * Una Underwriter (Summit) deleted message 4
14:03:05  * Ben Broker (Harbor) joined as broker, invited by Una Underwriter (Summit)
14:03:05  * Ben Broker (Harbor) is viewer now, by Una Underwriter (Summit)
   Una Underwriter (Summit), lead_underwriter
   Ben Broker (Harbor), viewer
14:03:05  * Ben Broker (Harbor) was removed by Una Underwriter (Summit)
14:03:05  * usr_9 left
14:03:05  * Bound as GL-2026-000142.
14:03:05  * Una Underwriter (Summit) added loss-runs.pdf
14:03:05  * Una Underwriter (Summit) remarked on page 2: Still open?
14:03:05  * Una Underwriter (Summit) changed the remark on page 2: Still open?
14:03:05  * Una Underwriter (Summit) opened the room: Builders GL
14:03:05  * Una Underwriter (Summit) renamed the room: Builders GL 2026
14:03:05  * Una Underwriter (Summit) closed the room: Bound.
14:03:05  * Una Underwriter (Summit) reopened the room
14:03:05  * Una Underwriter (Summit) archived the room
14:03:05  * of_tomorrow
-- connection lost: the connection broke; trying again
-- connected again
-- some of desk:room_1:org_1 was missed and cannot be shown here
-- you do not hear your company's desk: You have no desk here.
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}
