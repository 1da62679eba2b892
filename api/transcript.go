package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/paper"
	"github.com/openinsure/openinsure/rooms/room"
)

type transcriptInput struct {
	ByID
	Audience string `query:"audience" enum:"shared,internal" default:"shared" doc:"shared holds nothing of any desk; internal adds your own company's."`
	Limit    int    `query:"limit" minimum:"1" maximum:"5000" default:"1000" doc:"How many entries at most."`
	Cursor   string `query:"cursor" maxLength:"2100" doc:"nextCursor of the part before."`
}

type transcriptLine struct {
	Channel string          `json:"channel"`
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	Type    string          `json:"type"`
	Hash    string          `json:"hash" doc:"SHA-256 of the hash before it in its channel, followed by the SHA-256 of the bytes of event, in hex."`
	Event   json.RawMessage `json:"event" doc:"The envelope, byte for byte as it went out."`
}

type transcriptStrand struct {
	Channel string `json:"channel"`
	From    int64  `json:"from" doc:"Entries up to here are not yours to read."`
	Through int64  `json:"through" doc:"The last seq of this part."`
	Head    int64  `json:"head" doc:"The last seq of the channel."`
	Seed    string `json:"seed" doc:"Where the hashes of the channel begin: SHA-256 of \"openinsure transcript 1\\n<channel>\\n<epoch>\"."`
	Hash    string `json:"hash" doc:"Of the last entry."`
}

type transcriptManifest struct {
	Complete bool               `json:"complete" doc:"Nothing follows."`
	Entries  int                `json:"entries" doc:"In this part."`
	Types    map[string]int     `json:"types" doc:"How many of each type."`
	Channels []transcriptStrand `json:"channels" nullable:"false"`
}

type transcriptBody struct {
	RoomID      string             `json:"roomId"`
	Title       string             `json:"title"`
	InsuredName string             `json:"insuredName"`
	Audience    string             `json:"audience" enum:"shared,internal"`
	GeneratedAt time.Time          `json:"generatedAt"`
	Epoch       string             `json:"epoch"`
	Entries     []transcriptLine   `json:"entries" nullable:"false"`
	Manifest    transcriptManifest `json:"manifest"`
	NextCursor  string             `json:"nextCursor,omitempty" doc:"Send it as cursor for the next part; absent when complete."`
}

func (a *API) registerTranscript(p Platform) {
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/deal-rooms/{id}/transcript", ID: "get-transcript", Tag: "Deal rooms", Scope: "rooms:read",
		Summary:     "What happened in a room, in order, with its counts and hashes",
		Description: "Each channel is a chain of hashes, so that two companies can compare what they hold. Deleted messages keep their place and nothing of what they said.",
	}, func(ctx context.Context, in *transcriptInput) (*bodyOf[transcriptBody], error) {
		t, err := p.transcript(ctx, *in)
		return &bodyOf[transcriptBody]{transcriptOf(t)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/deal-rooms/{id}/transcript/pdf", ID: "print-transcript", Tag: "Deal rooms", Scope: "rooms:read",
		Summary:     "What happened in a room as PDF, to be filed",
		Description: "What was said and done in words, times in UTC, with the counts and hashes of the JSON. X-Next-Cursor is there when there is more.",
	}, func(ctx context.Context, in *struct {
		ByID
		Audience string `query:"audience" enum:"shared,internal" default:"shared" doc:"As in the JSON."`
		Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"How many entries at most."`
		Cursor   string `query:"cursor" maxLength:"2100" doc:"X-Next-Cursor of the part before."`
	},
	) (*exportOutput, error) {
		t, err := p.transcript(ctx, transcriptInput(*in))
		if err != nil {
			return nil, err
		}
		out := &exportOutput{ContentType: "application/pdf", Disposition: `attachment; filename="` + t.Room.ID.String() + `.pdf"`}
		if !t.Complete() {
			out.Next = formatStrands(t.Strands)
		}
		out.Body, err = paper.Transcript(t)
		return out, err
	})
}

func (p Platform) transcript(ctx context.Context, in transcriptInput) (rooms.Transcript, error) {
	id, err := parseRoom(in.ID)
	if err != nil {
		return rooms.Transcript{}, err
	}
	after, err := parseStrands(in.Cursor)
	if err != nil {
		return rooms.Transcript{}, err
	}
	return p.Rooms.Transcript(ctx, access.From(ctx), id, room.Visibility(in.Audience), after, in.Limit)
}

func transcriptOf(t rooms.Transcript) transcriptBody {
	b := transcriptBody{
		RoomID: t.Room.ID.String(), Title: t.Room.Title, InsuredName: t.Room.InsuredName, Audience: string(t.Audience), GeneratedAt: t.At, Epoch: t.Epoch,
		Entries: make([]transcriptLine, 0, len(t.Lines)), Manifest: transcriptManifest{Complete: t.Complete(), Entries: len(t.Lines), Types: map[string]int{}},
	}
	for _, l := range t.Lines {
		b.Manifest.Types[l.Type]++
		b.Entries = append(b.Entries, transcriptLine{l.Channel, l.Seq, l.At, l.Type, hex.EncodeToString(l.Hash[:]), l.Payload})
	}
	for _, s := range t.Strands {
		seed := rooms.Seed(s.Channel, t.Epoch)
		b.Manifest.Channels = append(b.Manifest.Channels, transcriptStrand{
			s.Channel, s.From, s.Through, s.Head, hex.EncodeToString(seed[:]), hex.EncodeToString(s.Hash[:]),
		})
	}
	if !t.Complete() {
		b.NextCursor = formatStrands(t.Strands)
	}
	return b
}

// formatStrands is the opaque form of where a transcript stands.
func formatStrands(s []rooms.Strand) string {
	b, _ := json.Marshal(s) // numbers, a name and a hash
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseStrands(s string) ([]rooms.Strand, error) {
	var strands []rooms.Strand
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &strands) != nil {
		return nil, fault.ErrValidation.Field("cursor", "cursor")
	}
	return strands, nil
}
