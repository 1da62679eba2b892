package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// Metadata is in what an organisation hears of a thing, and in nothing that a
// room, a person or another organisation hears.
func TestMetadataStaysInside(t *testing.T) {
	org, other := access.NewOrgID(time.Unix(1, 0)), access.NewOrgID(time.Unix(2, 0))
	for _, typ := range event.Types() {
		e := event.New(org, "", typ.Example, time.Unix(3, 0)).With(map[string]string{"k": "v"})
		for name, c := range map[string]event.Channel{
			"inside":  {Name: event.OrgChannel(org, event.Finance), Org: org},
			"another": {Name: event.OrgChannel(other, event.Finance), Org: other},
			"person":  event.PersonChannel("usr_1", org),
			"room":    {Name: "room:room_1", Org: org, Room: "1"},
			"desk":    {Name: "desk:room_1:" + org.String(), Org: org},
		} {
			b, err := e.PayloadFor(c)
			if err != nil {
				t.Fatal(err)
			}
			var told struct{ Data map[string]any }
			if err := json.Unmarshal(b, &told); err != nil {
				t.Fatalf("%s: %s: %v", typ.Name, b, err)
			}
			metadata, has := told.Data["metadata"].(map[string]any)
			if has != (typ.Metadata && name == "inside") || has && metadata["k"] != "v" {
				t.Errorf("%s to %s: %s", typ.Name, name, b)
			}
		}
	}
}
