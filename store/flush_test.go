package store

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
)

// The events of one transaction sort by time and id as they were emitted, in
// whatever order they were made and whatever else was made meanwhile; each has
// one id on all of its ways.
func TestEventsOfOneTransactionSort(t *testing.T) {
	org := access.NewOrgID(time.Unix(1, 0))
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var events []event.Event
		for range 2 + r.IntN(12) {
			at := time.UnixMilli(1_800_000_000_000 + int64(r.IntN(3)))
			var data event.Payload = event.InvoiceCreated{}
			if r.IntN(4) == 0 {
				data = event.RoomUpdated{} // of its channel only
			}
			events = append(events, event.New(org, "", data, at))
		}
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		made := slices.Clone(events)
		f, err := newFlush(t.Context(), events)
		if err != nil {
			t.Fatal(err)
		}
		last, n := map[time.Time]string{}, 0
		for i, e := range events {
			if e.ID != made[i].ID {
				t.Fatal("the caller's events were changed")
			}
			if e.Type != "invoice.created" {
				continue
			}
			if id := f.ids[n]; id <= last[e.At] || !f.ats[n].Equal(e.At) {
				t.Fatalf("seed %d: %s at %s after %s", seed, id, f.ats[n], last[e.At])
			}
			last[e.At] = f.ids[n]
			told, err := event.Open(f.payloads[n])
			if err != nil || told.ID.UUID() != f.ids[n] || !slices.Contains(f.heardEvent, f.ids[n]) {
				t.Fatalf("seed %d: %s is told as %s: %v", seed, f.ids[n], told.ID, err)
			}
			n++
		}
		if n != len(f.ids) || n != len(slices.Compact(slices.Sorted(slices.Values(f.ids)))) {
			t.Fatalf("seed %d: %d events, %d ids", seed, n, len(f.ids))
		}
	}
}
