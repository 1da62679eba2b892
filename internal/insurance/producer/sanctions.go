package producer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Decision is what comes of comparing names with a sanctions list.
type Decision string

// The decisions, the mildest first.
const (
	Pass   Decision = "pass"
	Review Decision = "review" // a person has to look
	Block  Decision = "block"
)

// The similarities, of 0 to 1, from which on a name is looked at and refused.
// Names of people are short and much alike: below reviewFrom a list of a
// thousand entries has a match for one name in ten.
const (
	reviewFrom = 0.90
	blockFrom  = 0.97
)

// Most that a screening keeps of its matches, the closest first.
const mostMatches = 5

// A Match is an entry of a list that a name is like.
type Match struct {
	EntryID  string   `json:"entryId"`
	Name     string   `json:"name" doc:"Of the entry."`
	Type     string   `json:"type" enum:"exact,alias,similar"`
	Score    float64  `json:"score" doc:"0 to 1."`
	Programs []string `json:"programs"`
}

// A Screening is what came of comparing names with a list.
type Screening struct {
	Decision Decision `json:"decision" enum:"pass,review,block"`
	List     string   `json:"list" doc:"Which list, and of when."`
	Matches  []Match  `json:"matches"`
	// Reviewed is what a person said of it; nil: nobody has to, or has yet.
	Reviewed *Reviewed `json:"reviewed,omitempty"`
}

// Beside returns the screening with that of other names, which a person has to look
// at however close they are to an entry.
func (s Screening) Beside(others Screening) Screening {
	if others.Decision == Pass {
		return s
	}
	if s.Decision == Pass {
		s.Decision = Review
	}
	for _, m := range others.Matches {
		if !slices.ContainsFunc(s.Matches, func(has Match) bool { return has.EntryID == m.EntryID && has.Name == m.Name && has.Score >= m.Score }) {
			s.Matches = append(slices.Clip(s.Matches), m)
		}
	}
	return s
}

// What a person may say about matches.
const (
	ClearedByPerson = "clear"
	BlockedByPerson = "block"
)

// Reviewed is a person's word about matches.
type Reviewed struct {
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Decision  string    `json:"decision" enum:"clear,block"`
	Rationale string    `json:"rationale"`
}

// An Entry is somebody with whom there may be no business.
type Entry struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Aliases  []string `json:"aliases,omitempty"`
	Programs []string `json:"programs"`
}

// A List is a sanctions list that was read from a file.
type List struct {
	Name    string
	version string
	entries []entry
}

// Version is the name of the list with a hash of what it says and of how names are
// compared with it: another version may say otherwise of the same name.
func (l *List) Version() string { return l.version }

type entry struct {
	Entry
	names []string // folded: the name, then its aliases
}

// comparison is part of the version of a list: another one when Screen says
// something else of the same names and list, so that those who passed are compared
// again.
const comparison = "Jaro-Winkler by Likeness"

// mostEntries bounds a list.
const mostEntries = 200_000

// ReadList reads a list: {"name": …, "entries": [{"id", "name", "aliases", "programs"}]}.
func ReadList(r io.Reader) (*List, error) {
	var in struct {
		Name    string  `json:"name"`
		Entries []Entry `json:"entries"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("sanctions list: %w", err)
	}
	if in.Name == "" || len(in.Entries) > mostEntries {
		return nil, fmt.Errorf("sanctions list: it needs a name and at most %d entries", mostEntries)
	}
	l := &List{Name: in.Name}
	for n, e := range in.Entries {
		names := []string{fold(e.Name)}
		for _, a := range e.Aliases {
			names = append(names, fold(a))
		}
		if e.ID == "" || slices.Contains(names, "") {
			return nil, fmt.Errorf("sanctions list: entry %d has no id, or an empty name", n)
		}
		l.entries = append(l.entries, entry{e, names})
	}
	said, _ := json.Marshal(in) // texts: never fails
	h := sha256.Sum256(append(said, comparison...))
	l.version = l.Name + " " + hex.EncodeToString(h[:8])
	return l, nil
}

// Screen compares names with the list.
func (l *List) Screen(names []string) Screening {
	s := Screening{Decision: Pass, List: l.Name, Matches: []Match{}}
	for _, e := range l.entries {
		best := Match{EntryID: e.ID, Name: e.Name, Programs: e.Programs}
		for _, name := range names {
			folded := fold(name)
			for n, theirs := range e.names {
				score, how := math.Round(Likeness(folded, theirs)*1e4)/1e4, "similar" // what is decided by is what is told
				if folded == theirs {
					if score, how = 1, "exact"; n > 0 {
						how = "alias"
					}
				}
				if score > best.Score {
					best.Score, best.Type = score, how
				}
			}
		}
		if best.Score >= reviewFrom {
			s.Matches = append(s.Matches, best)
		}
	}
	slices.SortStableFunc(s.Matches, func(a, b Match) int { return cmp.Compare(b.Score, a.Score) })
	if len(s.Matches) > 0 {
		s.Decision = Review
		if s.Matches[0].Score >= blockFrom {
			s.Decision = Block
		}
	}
	s.Matches = s.Matches[:min(len(s.Matches), mostMatches)]
	return s
}

// forms are the endings of companies, which say nothing about whose they are.
var forms = map[string]bool{
	"inc": true, "incorporated": true, "llc": true, "ltd": true, "limited": true, "corp": true, "corporation": true, "co": true, "company": true,
	"lp": true, "llp": true, "plc": true, "sa": true, "gmbh": true, "the": true,
}

// fold writes a name so that spelling does not count: small letters without
// accents, no punctuation, no form of company, its words in alphabetical order.
func fold(name string) string {
	plain, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), name)
	if err != nil {
		plain = name
	}
	words := strings.FieldsFunc(strings.ToLower(plain), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	kept := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return forms[w] })
	if len(kept) == 0 {
		kept = words
	}
	slices.Sort(kept)
	return strings.Join(kept, " ")
}
