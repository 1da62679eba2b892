package api

import (
	"context"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/store"
)

// Entries lets a hub read the store's log.
type Entries struct{ DB *store.DB }

var _ hub.Log = Entries{}

// Heads implements hub.Log.
func (e Entries) Heads(ctx context.Context, channels []string) (hub.Heads, error) {
	epoch, heads, err := e.DB.Heads(ctx, channels)
	return hub.Heads{Epoch: epoch, Head: heads}, err
}

// Range implements hub.Log.
func (e Entries) Range(ctx context.Context, channel string, after int64, limit int) (hub.Range, error) {
	ch, err := e.DB.Range(ctx, channel, after, limit)
	return hub.Range{Epoch: ch.Epoch, Head: ch.Head, Floor: ch.Floor, Entries: HubEntries(ch.Entries)}, err
}

// HubEntries are entries of the store as the hub carries them.
func HubEntries(es []store.Entry) []hub.Entry {
	out := make([]hub.Entry, len(es))
	for i, e := range es {
		out[i] = hub.Entry(e)
	}
	return out
}
