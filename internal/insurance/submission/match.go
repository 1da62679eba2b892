package submission

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// Overlap is how many days the effective dates of two submissions may lie apart
// for their terms, of a year each, to overlap.
const Overlap = 364

// Marks are what submissions are compared by, as hashes: equal marks are of
// equal texts. What is not known has none.
type Marks struct{ Name, Email, FEIN, Address string }

// forms are what the names of companies end in.
var forms = []string{"llc", "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "lp", "llp", "pllc", "pc", "plc", "the"}

// short are words of addresses, as they are often shortened.
var short = map[string]string{
	"street": "st", "avenue": "ave", "road": "rd", "boulevard": "blvd", "drive": "dr", "lane": "ln", "suite": "ste", "north": "n", "south": "s",
	"east": "e", "west": "w", "highway": "hwy", "apartment": "apt", "parkway": "pkwy", "court": "ct", "place": "pl",
}

// Marks returns what the submission is compared with others by.
func (s Submission) Marks() Marks {
	m := Marks{Name: mark(nameOf(s.InsuredName))}
	i := s.Insured
	if i == nil {
		return m
	}
	m.Email = mark(strings.ToLower(strings.TrimSpace(i.Email)))
	m.FEIN = mark(strings.ReplaceAll(i.FEIN, "-", ""))
	m.Address = mark(addressOf(i.Address))
	return m
}

// mark hashes a text; an empty one has no mark.
func mark(s string) string {
	if s == "" {
		return ""
	}
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:16])
}

// words are the letters and digits of a text, in small letters.
func words(s string) []string {
	s = strings.NewReplacer("&", " and ", "'", "", "’", "", ".", "").Replace(strings.ToLower(s))
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// nameOf is a company's name without what it is written with or without.
func nameOf(s string) string {
	all := words(s)
	kept := slices.DeleteFunc(slices.Clone(all), func(w string) bool { return slices.Contains(forms, w) })
	if len(kept) == 0 {
		kept = all
	}
	return strings.Join(kept, " ")
}

func addressOf(s string) string {
	all := words(s)
	for i, w := range all {
		if is := short[w]; is != "" {
			all[i] = is
		}
	}
	return strings.Join(all, " ")
}

// A Duplicate is a submission that may be of the same business as another, and
// what they have in common.
type Duplicate struct {
	ID            ID
	InsuredName   string
	Status        Status
	EffectiveDate civil.Date
	Producer      producer.ID
	CreatedAt     time.Time
	Reasons       []string
}
