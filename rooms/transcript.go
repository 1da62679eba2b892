package rooms

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// A Strand is how far a transcript has come in one channel, and the hash of all
// that it has said of it.
type Strand struct {
	Channel string
	From    int64 // entries up to here are not the reader's
	Through int64 // the last seq that was told
	Head    int64 // the channel's last seq
	Hash    [sha256.Size]byte
}

// A Line is one entry of a transcript.
type Line struct {
	Channel string
	Seq     int64
	At      time.Time
	Type    string
	Payload []byte            // the envelope
	Hash    [sha256.Size]byte // of the line before in its channel and this one
}

// A Transcript is a part of what a room holds for an audience, in the order in
// which it happened, from one state of the database.
type Transcript struct {
	Room     room.Room
	Audience room.Visibility
	Epoch    string
	At       time.Time
	Strands  []Strand
	Lines    []Line
}

// Complete reports whether nothing is left to tell.
func (t Transcript) Complete() bool {
	for _, s := range t.Strands {
		if s.Through < s.Head {
			return false
		}
	}
	return true
}

// Link is the hash of a line: of the hash before it and of its payload's. The
// first of a channel follows on Seed.
func Link(before [sha256.Size]byte, payload []byte) [sha256.Size]byte {
	of := sha256.Sum256(payload)
	return sha256.Sum256(append(before[:], of[:]...))
}

// Seed is where the hashes of a channel begin.
func Seed(channel, epoch string) [sha256.Size]byte {
	return sha256.Sum256([]byte("openinsure transcript 1\n" + channel + "\n" + epoch))
}

// Transcript tells what is in a room, up to limit entries after where an
// earlier part ended; after is nil for the first. For all it is what is shared,
// and never anything of a desk; internal adds the desk of by's own company.
func (h *House) Transcript(ctx context.Context, by access.Actor, id room.ID, audience room.Visibility, after []Strand, limit int) (Transcript, error) {
	t := Transcript{Audience: audience, At: h.now()}
	names := []string{channelOf(id, by, room.ForAll)}
	if audience == room.Internal {
		names = append(names, channelOf(id, by, room.Internal))
	}
	err := h.db.Snapshot(ctx, by, func(r store.Reader) error {
		var parts [][]Line
		for _, name := range names {
			heard, err := h.hear(ctx, r, by, name)
			if err != nil {
				return err
			}
			t.Room = heard.Room
			s, lines, err := strand(ctx, r, name, heard.From, after, limit)
			if err != nil {
				return err
			}
			t.Epoch = s.epoch
			t.Strands, parts = append(t.Strands, s.Strand), append(parts, lines)
		}
		t.merge(parts, limit)
		return nil
	})
	if err != nil {
		return Transcript{}, fmt.Errorf("transcript of %s: %w", id, err)
	}
	return t, nil
}

type epochStrand struct {
	Strand
	epoch string
}

// strand reads on in one channel.
func strand(ctx context.Context, r store.Reader, name string, from int64, after []Strand, limit int) (epochStrand, []Line, error) {
	s := epochStrand{Strand: Strand{Channel: name, From: from, Through: from}}
	resumed := false
	for _, a := range after {
		if a.Channel == name && a.Through >= from {
			s.Through, s.Hash, resumed = a.Through, a.Hash, true
		}
	}
	ch, err := r.Entries(ctx, name, s.Through, limit)
	if err != nil {
		return s, nil, err
	}
	if s.epoch, s.Head = ch.Epoch, ch.Head; !resumed {
		s.Hash = Seed(name, ch.Epoch)
	}
	var lines []Line
	for _, e := range ch.Entries {
		env, err := event.Open(e.Payload)
		if err != nil {
			return s, nil, fmt.Errorf("entry %d of %s: %w", e.Seq, name, err)
		}
		lines = append(lines, Line{Channel: name, Seq: e.Seq, At: env.Timestamp, Type: env.Type, Payload: e.Payload})
	}
	return s, lines, nil
}

// merge takes the earliest lines of the strands, whose own order stands, and
// moves each strand to what was taken of it.
func (t *Transcript) merge(parts [][]Line, limit int) {
	for len(t.Lines) < limit {
		next := -1
		for i, p := range parts {
			if len(p) > 0 && (next < 0 || p[0].At.Before(parts[next][0].At)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		l, s := parts[next][0], &t.Strands[next]
		parts[next] = parts[next][1:]
		s.Hash = Link(s.Hash, l.Payload)
		s.Through, l.Hash = l.Seq, s.Hash
		t.Lines = append(t.Lines, l)
	}
}
