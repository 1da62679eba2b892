// Package paper prints what a room holds, for those who file it.
package paper

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/johnfercher/maroto/v2"
	"github.com/johnfercher/maroto/v2/pkg/components/line"
	"github.com/johnfercher/maroto/v2/pkg/components/text"
	"github.com/johnfercher/maroto/v2/pkg/config"
	"github.com/johnfercher/maroto/v2/pkg/consts/fontstyle"
	"github.com/johnfercher/maroto/v2/pkg/core"
	"github.com/johnfercher/maroto/v2/pkg/core/entity"
	"github.com/johnfercher/maroto/v2/pkg/props"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/rooms/roomtext"
)

// Most is how many entries one document holds at most: some hundred pages, and a
// few seconds of a processor.
const Most = 1000

// family is the font: Latin, Greek and Cyrillic.
const family = "Go"

var fonts = []*entity.CustomFont{
	{Family: family, Style: fontstyle.Normal, Bytes: goregular.TTF},
	{Family: family, Style: fontstyle.Bold, Bytes: gobold.TTF},
}

// glyphs is the font, to be asked what it has.
var glyphs = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(goregular.TTF) })

// Transcript prints a transcript as a PDF: what was said and done, in order, with
// times in UTC, and at its end the manifest. A character that the font does not have is
// printed as a box; the JSON of the transcript, of which the hashes are, has it.
func Transcript(t rooms.Transcript) ([]byte, error) {
	m := maroto.New(config.NewBuilder().
		WithCustomFonts(fonts).WithDefaultFont(&props.Font{Family: family, Size: 9}).
		WithLeftMargin(18).WithRightMargin(18).WithTopMargin(16).
		WithPageNumber(props.PageNumber{Pattern: "{current} / {total}", Place: props.Bottom, Size: 8, Family: family}).
		WithTitle(t.Room.Title, true).WithSubject(t.Room.ID.String(), true).WithCreator("OpenInsure", true).WithCreationDate(t.At).
		Build())
	s := sheet{m}
	s.head(t)
	if err := s.entries(t); err != nil {
		return nil, err
	}
	s.manifest(t)
	doc, err := m.Generate()
	if err != nil {
		return nil, fmt.Errorf("print the transcript of %s: %w", t.Room.ID, err)
	}
	return doc.GetBytes(), nil
}

type sheet struct{ core.Maroto }

func (s sheet) head(t rooms.Transcript) {
	s.AddAutoRow(text.NewCol(12, printable(t.Room.Title), props.Text{Size: 15, Style: fontstyle.Bold, Bottom: 2}))
	audience := "what is shared by both companies"
	if t.Audience == room.Internal {
		audience = "what is shared, and the desk of your own company. Not for others"
	}
	for _, of := range [][2]string{
		{"Insured", t.Room.InsuredName}, {"Room", t.Room.ID.String()}, {"Holds", audience}, {"Made", clock(t.At)},
	} {
		s.pair(of[0], of[1])
	}
	s.AddAutoRow(line.NewCol(12))
}

// pair is a name and what it is.
func (s sheet) pair(name, value string) {
	s.AddAutoRow(text.NewCol(2, name, props.Text{Style: fontstyle.Bold, Bottom: 1}), text.NewCol(10, printable(value), props.Text{Bottom: 1}))
}

func (s sheet) entries(t rooms.Transcript) error {
	var cast roomtext.Cast
	for _, l := range t.Lines {
		env, err := event.Open(l.Payload)
		if err != nil {
			return fmt.Errorf("entry %d of %s: %w", l.Seq, l.Channel, err)
		}
		var f roomtext.Fact
		if err := json.Unmarshal(env.Data, &f); err != nil {
			return fmt.Errorf("entry %d of %s: %w", l.Seq, l.Channel, err)
		}
		when := fmt.Sprintf("%s  %s %d", clock(l.At), strand(l.Channel), l.Seq)
		for _, part := range portions(printable(cast.Sentence(l.Type, f))) {
			s.AddAutoRow(text.NewCol(3, when, props.Text{Size: 7, Top: 0.7}), text.NewCol(9, part, props.Text{Bottom: 1.2}))
			when = ""
		}
	}
	return nil
}

// manifest says how much there is, and by which hashes two companies compare it.
func (s sheet) manifest(t rooms.Transcript) {
	s.AddAutoRow(line.NewCol(12))
	s.AddAutoRow(text.NewCol(12, "Manifest", props.Text{Size: 12, Style: fontstyle.Bold, Top: 2, Bottom: 1}))
	s.pair("Entries", fmt.Sprint(len(t.Lines)))
	if !t.Complete() {
		s.pair("Continues", "More has happened than this document holds.")
	}
	for _, c := range t.Strands {
		s.pair(strand(c.Channel), fmt.Sprintf("through %d of %d", c.Through, c.Head))
		s.pair("Hash", hex.EncodeToString(c.Hash[:]))
	}
	s.AddAutoRow(text.NewCol(12, "The hashes are of the entries as the JSON of the transcript has them, byte for byte.", props.Text{Size: 7, Top: 1}))
}

// strand is the kind of a channel.
func strand(channel string) string {
	kind, _, _ := strings.Cut(channel, ":")
	return kind
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// What is printed in one piece: less than a page, and words that fit in a line.
const (
	longestPortion = 1200
	longestWord    = 48
)

// portions cuts a text into what is printed in one piece each: its lines, and of
// a long line parts.
func portions(s string) []string {
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		var b strings.Builder
		for word := range strings.FieldsSeq(l) {
			for _, piece := range pieces(word) {
				if b.Len()+len(piece) > longestPortion {
					out = append(out, b.String())
					b.Reset()
				}
				if b.Len() > 0 {
					b.WriteByte(' ')
				}
				b.WriteString(piece)
			}
		}
		out = append(out, b.String())
	}
	return out
}

// pieces cuts a word that does not fit in a line.
func pieces(word string) []string {
	var out []string
	rs := []rune(word)
	for len(rs) > longestWord {
		out, rs = append(out, string(rs[:longestWord])), rs[longestWord:]
	}
	return append(out, string(rs))
}

// printable is a text of characters that the font has.
func printable(s string) string {
	font, err := glyphs()
	var buf sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if r == '\n' || err != nil {
			return r
		}
		if n, err := font.GlyphIndex(&buf, r); err != nil || n == 0 {
			return '□'
		}
		return r
	}, roomtext.Plain(s, "\n"))
}
