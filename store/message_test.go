package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestRoomFiltersWithoutWalls takes the walls away: the statements that read
// what is in a room must themselves keep two companies' desks apart, and a third
// company out.
func TestRoomFiltersWithoutWalls(t *testing.T) {
	db := storetest.Open(t, store.Config{URL: storetest.URL(t), NoWalls: true})
	d := storetest.NewDeal(t, db)
	p := storetest.Poster(t, db)
	now := time.Now().UTC().Truncate(time.Microsecond)
	places := map[string]struct {
		by       access.Actor
		channel  event.Channel
		v        room.Visibility
		relation string
	}{
		"shared":      {d.Ben, room.Shared(d.Room.ID, d.Room.Org), room.ForAll, access.RoomChat},
		"Una's desk":  {d.Una, room.Desk(d.Room.ID, d.Una.Org), room.Internal, access.DeskMember},
		"Ben's desk":  {d.Ben, room.Desk(d.Room.ID, d.Ben.Org), room.Internal, access.DeskMember},
		"Eve's alone": {d.Eve, room.Desk(d.Room.ID, d.Eve.Org), room.Internal, access.DeskMember},
	}
	messages, files := map[string]room.MessageID{}, map[string]room.FileID{}
	var names []string
	for name, at := range places {
		names = append(names, name)
		if name == "Eve's alone" {
			continue
		}
		m := post(t, d.Room, at.by, room.NewClientID(), "hello")
		m.Channel, m.Grant.Relation = at.channel, at.relation
		if at.v == room.Internal {
			desk := room.DeskObject(d.Room.ID, at.by.Org)
			m.Grant.Type, m.Grant.ID = desk.Type, desk.ID
		}
		if _, err := p.PostWait(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		f := room.File{
			ID: room.NewFileID(now), Org: at.channel.Org, Room: d.Room.ID, Visibility: at.v, Name: "a.txt", ContentType: "text/plain", Size: 1,
			SHA256: make([]byte, 32), Author: event.Author{ID: at.by.ID}, CreatedAt: now,
		}
		if err := db.InTx(t.Context(), at.by, func(tx *store.Tx) error { return tx.AddFile(t.Context(), f) }); err != nil {
			t.Fatal(err)
		}
		messages[name], files[name] = m.ID, f.ID
	}
	slices.Sort(names)
	remark := room.Annotation{ID: room.NewAnnotationID(now), Org: d.Room.Org, Room: d.Room.ID, File: files["shared"], Page: 1, Body: "Why?", CreatedAt: now}
	if err := db.InTx(t.Context(), d.Una, func(tx *store.Tx) error { return tx.AddAnnotation(t.Context(), remark) }); err != nil {
		t.Fatal(err)
	}
	var una access.UserID
	if err := una.UnmarshalText([]byte(d.Una.ID)); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]struct {
		by    access.Actor
		hears []string
		room  bool
	}{
		"Una": {d.Una, []string{"Una's desk", "shared"}, true},
		"Ben": {d.Ben, []string{"Ben's desk", "shared"}, true},
		"Eve": {d.Eve, nil, false},
	} {
		t.Run(who, func(t *testing.T) {
			ctx, r := t.Context(), db.As(want.by)
			got := map[string][]string{}
			note := func(what, name string, ok bool) {
				if ok {
					got[what] = append(got[what], name)
				}
			}
			shelf := store.Shelf{Room: d.Room.ID, Internal: true}
			listed := must[[]room.File](t)(r.Files(ctx, shelf, time.Time{}, store.Page{Limit: 10}))
			for _, name := range names {
				h := must[store.History](t)(r.Messages(ctx, places[name].channel.Name, store.Span{Limit: 10}))
				note("Messages", name, len(h.Messages) > 0)
				ch := must[store.Channel](t)(r.Entries(ctx, places[name].channel.Name, 0, 10))
				note("Entries", name, len(ch.Entries) > 0)
				_, err := r.Message(ctx, messages[name], places[name].channel.Name)
				note("Message", name, err == nil)
				progress := must[map[string]store.Progress](t)(r.Progress(ctx, want.by, places[name].channel.Name))
				note("Progress", name, len(progress) > 0)
				_, moved, err := r.Read(ctx, d.Room.ID, places[name].channel.Name, want.by, 1, now)
				note("Read", name, moved && err == nil)
				_, err = r.File(ctx, shelf, files[name])
				note("File", name, err == nil)
				note("Files", name, slices.ContainsFunc(listed, func(f room.File) bool { return f.ID == files[name] }))
				fs := must[[]room.File](t)(r.Attachable(ctx, d.Room.ID, places[name].v, []room.FileID{files[name]}))
				note("Attachable", name, len(fs) > 0)
			}
			all := map[string][]string{}
			if want.hears != nil {
				for _, what := range []string{"Messages", "Entries", "Message", "Progress", "Read", "File", "Files", "Attachable"} {
					all[what] = want.hears
				}
			}
			if d := cmp.Diff(all, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			_, err := r.Annotation(ctx, d.Room.ID, remark.ID)
			as := must[[]room.Annotation](t)(r.Annotations(ctx, d.Room.ID, store.AnnotationFilter{}, store.Page{Limit: 10}))
			present := must[[]access.UserID](t)(r.Present(ctx, d.Room.ID, access.OrgID{}, []access.UserID{una}))
			if want.room != (err == nil) || err != nil && !errors.Is(err, fault.ErrNotFound) || want.room != (len(as) == 1) || want.room != (len(present) == 1) {
				t.Errorf("annotation: %v, %d listed, %d present", err, len(as), len(present))
			}
			if colleagues := must[[]access.UserID](t)(r.Present(ctx, d.Room.ID, d.Ben.Org, []access.UserID{una})); len(colleagues) != 0 {
				t.Error("Una is present at Ben's desk")
			}
		})
	}
}
