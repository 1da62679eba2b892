package rooms

import (
	"context"
	"fmt"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/store"
)

// systemName is what a room calls the system.
const systemName = "OpenInsure"

// author says who by is, as the other company may see it: his name and his
// company's, and nothing else. r reads by's own organisation.
func (h *House) author(ctx context.Context, r store.Reader, by access.Actor) (event.Author, error) {
	return authorOf(ctx, r, by)
}

func authorOf(ctx context.Context, r store.Reader, by access.Actor) (event.Author, error) {
	names, err := r.Names(ctx, by)
	if err != nil {
		return event.Author{}, fmt.Errorf("name %s: %w", by.ID, err)
	}
	if by.Kind == access.System {
		names.Own = systemName
	}
	return event.Author{ID: by.ID, Name: names.Own, OrgID: by.Org.String(), OrgName: names.Org}, nil
}
