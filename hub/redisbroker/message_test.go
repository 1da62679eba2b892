package redisbroker

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/openinsure/openinsure/hub"
)

func TestMessageRoundTrip(t *testing.T) {
	pubs := []hub.Publication{
		{Kind: hub.KindEntry, Channel: "room:1", Epoch: "a1b2", Seq: 7, Revokes: "usr_1", Rewrites: true, Payload: []byte("{}")},
		{Kind: hub.KindEntry, Channel: "room:1", Epoch: "a1b2", Seq: 8, Payload: []byte("{}")},
		{Kind: hub.KindEntry, Channel: "room:1", Epoch: "c3d4", Seq: math.MaxInt64},
		{Kind: hub.KindSignal, Channel: strings.Repeat("\xff", maxChannel), Seq: -1, Payload: []byte{0}},
		{},
	}
	m := []byte{messageVersion}
	for _, p := range pubs {
		m = appendPublication(m, p)
	}
	var got []hub.Publication
	var d decoder
	if err := d.decode(string(m), func(p hub.Publication) { got = append(got, p) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pubs, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("publications (-sent +received):\n%s", diff)
	}
	// Cut anywhere but between two publications, it is an error.
	whole := map[int]bool{1: true}
	n := 1
	for _, p := range pubs {
		n += len(appendPublication(nil, p))
		whole[n] = true
	}
	for i := range m {
		if err := d.decode(string(m[:i]), func(hub.Publication) {}); (err == nil) != whole[i] {
			t.Errorf("cut at %d of %d: %v, want an error: %t", i, len(m), err, !whole[i])
		}
	}
}

func TestMessageRefused(t *testing.T) {
	long := appendPublication([]byte{messageVersion}, hub.Publication{Channel: strings.Repeat("x", maxChannel+1)})
	for name, tt := range map[string]struct {
		message string
		want    error
	}{
		"empty":              {"", errVersion},
		"another version":    {"\x02", errVersion},
		"text":               {"rubbish", errVersion},
		"long channel":       {string(long), errChannel},
		"length over all":    {"\x01\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", errTruncated},
		"more than 64 bits":  {"\x01\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", errTruncated},
		"number without end": {"\x01\x01\x00" + strings.Repeat("\xff", 20), errTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			var d decoder
			if err := d.decode(tt.message, func(hub.Publication) {}); !errors.Is(err, tt.want) {
				t.Errorf("decode: %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("")
	f.Add("\x01")
	f.Add("\x01\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Add(string(appendPublication([]byte{messageVersion}, hub.Publication{
		Kind: hub.KindEntry, Channel: "room:1", Epoch: "a1b2", Seq: 7, Revokes: "usr_1", Rewrites: true, Payload: []byte("{}"),
	})))
	f.Fuzz(func(t *testing.T, message string) {
		var d decoder
		var first []hub.Publication
		if d.decode(message, func(p hub.Publication) { first = append(first, p) }) != nil {
			return
		}
		again := []byte{messageVersion}
		for _, p := range first {
			again = appendPublication(again, p)
		}
		var second []hub.Publication
		if err := d.decode(string(again), func(p hub.Publication) { second = append(second, p) }); err != nil {
			t.Fatalf("what was decoded cannot be decoded again: %v", err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("decoded twice (-once +twice):\n%s", diff)
		}
	})
}

func TestPack(t *testing.T) {
	var pubs []hub.Publication
	for seq := int64(1); seq <= 300; seq++ {
		for c := range 5 {
			pubs = append(pubs, hub.Publication{Kind: hub.KindEntry, Channel: fmt.Sprint("room:", c), Seq: seq, Payload: make([]byte, 2000)})
		}
	}
	pubs = append(pubs, hub.Publication{Channel: "room:1", Seq: 301, Payload: make([]byte, 1<<20)})
	next, total := map[string]int64{}, 0
	var d decoder
	for _, m := range pack(pubs) {
		if m.pubs > 1 && len(m.body) > maxMessage {
			t.Errorf("%d publications in %d bytes, want at most %d", m.pubs, len(m.body), maxMessage)
		}
		n := 0
		err := d.decode(string(m.body), func(p hub.Publication) {
			n++
			if partition(p.Channel) != m.topic {
				t.Errorf("%s in topic %d, want %d", p.Channel, m.topic, partition(p.Channel))
			}
			if p.Seq != next[p.Channel]+1 {
				t.Fatalf("%s %d after %d", p.Channel, p.Seq, next[p.Channel])
			}
			next[p.Channel] = p.Seq
		})
		if err != nil || n != m.pubs {
			t.Fatalf("%d publications, %v; want %d", n, err, m.pubs)
		}
		total += n
	}
	if total != len(pubs) {
		t.Errorf("packed %d of %d", total, len(pubs))
	}
}

// Nodes of different builds must agree where a channel is.
func TestPartitionIsForEver(t *testing.T) {
	for channel, want := range map[string]int{"": 5, "room:1": 35, "org:org_1:claims": 52, "\xff": 14} {
		if got := partition(channel); got != want {
			t.Errorf("partition(%q) = %d, want %d", channel, got, want)
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(channel)) // never fails
		if got := int(h.Sum32() % partitions); got != want {
			t.Errorf("FNV-1a of %q says %d, want %d", channel, got, want)
		}
	}
	// From the specification of Redis Cluster and redis-cli cluster keyslot.
	for tag, want := range map[string]int{"123456789": 12739, "foo": 12182, "": 0} {
		if got := slot(tag); got != want {
			t.Errorf("slot(%q) = %d, want %d", tag, got, want)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	subs := subscriptions{want: 3, have: map[string]bool{}}
	for _, step := range []struct {
		kind, topic string
		lost        bool
		err         error
	}{
		{"subscribe", "a", false, nil},
		{"subscribe", "b", false, nil},
		{"subscribe", "b", false, nil}, // twice before all are there
		{"ssubscribe", "c", true, nil}, // complete
		{"subscribe", "b", true, nil},  // connected anew behind our back
		{"subscribe", "d", false, nil},
		{"sunsubscribe", "c", false, errUnsubscribed},
		{"unsubscribe", "c", false, errUnsubscribed},
	} {
		lost, err := subs.answer(&redis.Subscription{Kind: step.kind, Channel: step.topic})
		if lost != step.lost || !errors.Is(err, step.err) {
			t.Errorf("%s %s: lost %t, %v; want %t, %v", step.kind, step.topic, lost, err, step.lost, step.err)
		}
	}
}

// What was taken and not yet done still counts, and is not written over by what
// comes meanwhile.
func TestQueue(t *testing.T) {
	q := newQueue(4, 1<<20)
	add := func(from, n int64) (dropped int) {
		var pubs []hub.Publication
		for i := range n {
			pubs = append(pubs, hub.Publication{Seq: from + i})
		}
		return q.add(pubs)
	}
	if got := add(1, 3); got != 0 {
		t.Fatalf("dropped %d of 3 with room for 4", got)
	}
	all := q.take()
	if got := add(4, 2); got != 1 {
		t.Errorf("dropped %d of 2 with room for one, want 1", got)
	}
	q.done(all[:1])
	if got := add(6, 2); got != 1 {
		t.Errorf("dropped %d of 2 with room for one, want 1", got)
	}
	if all[1].Seq != 2 || all[2].Seq != 3 {
		t.Errorf("what was taken is now %v", all)
	}
	q.done(all[1:])
	q.recycle(all)
	more := q.take()
	if got := []int64{more[0].Seq, more[1].Seq}; !slices.Equal(got, []int64{4, 6}) {
		t.Errorf("then took %v, want 4 and 6", got)
	}
	q.done(more)
	if q.number != 0 || q.bytes != 0 {
		t.Errorf("an empty queue counts %d publications of %d bytes", q.number, q.bytes)
	}
}
