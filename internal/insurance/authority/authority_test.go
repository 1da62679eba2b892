package authority_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// TestAuthorityVectors checks the published cases.
func TestAuthorityVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Authority []struct {
			ID string
			In struct {
				Comparator authority.Comparator
				IssueValue int64 `json:"issue_value"`
				OffsetPct  int   `json:"offset_pct"`
				Issue      int64
			}
			Out json.RawMessage
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	seventeen := authority.Profile{Active: true, Lines: []string{"AUTO"}, MaxLimit: new(money.Cents(1)), Constraints: []authority.Issue{{Name: "driver_age", Comparator: authority.AtLeast, Value: 17}}}
	for _, v := range file.Authority {
		var got any
		switch v.ID {
		case "AU-1":
			got = map[string]any{"approval_reference": v.In.Comparator.Offset(v.In.IssueValue, v.In.OffsetPct)}
		case "AU-2":
			risk := authority.Value{Line: "AUTO", Issue: &authority.Issue{Name: "driver_age", Comparator: authority.AtLeast, Value: v.In.Issue}}
			got = map[bool]string{true: "approve allowed"}[seventeen.Missing(risk) == nil]
			risk.Issue.Value = 16
			if seventeen.Missing(risk) == nil {
				t.Error("a driver of sixteen is covered")
			}
		case "AU-4":
			_, err := authority.Cover(authority.Claim{By: "usr_x"}, authority.Value{Premium: new(money.Cents(1)), Line: "GL"})
			got = map[bool]string{true: "every transaction needs approval (fail closed)"}[errors.Is(err, authority.ErrExceeded)]
		default:
			t.Errorf("%s is not checked", v.ID)
		}
		var want any
		if err := json.Unmarshal(v.Out, &want); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", v.ID, got, want)
		}
	}
}

func TestMissing(t *testing.T) {
	full := authority.Profile{Active: true, Lines: []string{"GL"}, MaxLimit: new(money.Cents(100)), MaxPremium: new(money.Cents(10)), ProhibitedStates: []string{"NY"}}
	risk := authority.Value{Premium: new(money.Cents(10)), Limit: 100, Line: "GL", State: "OR"}
	for _, tt := range []struct {
		name   string
		change func(*authority.Profile, *authority.Value)
		want   []string
	}{
		{"covered", func(*authority.Profile, *authority.Value) {}, nil},
		{"no price yet", func(_ *authority.Profile, v *authority.Value) { v.Premium = nil }, nil},
		{"a cent more premium", func(_ *authority.Profile, v *authority.Value) { v.Premium = new(money.Cents(11)) }, []string{"premium"}},
		{"a cent more limit", func(_ *authority.Profile, v *authority.Value) { v.Limit++ }, []string{"limit"}},
		{"no authority for money", func(p *authority.Profile, _ *authority.Value) { p.MaxLimit, p.MaxPremium = nil, nil }, []string{"premium", "limit"}},
		{"insured values, and no authority for them", func(_ *authority.Profile, v *authority.Value) { v.Insured = 1 }, []string{"insuredValue"}},
		{"as much as may be insured", func(p *authority.Profile, v *authority.Value) { p.MaxTIV, v.Insured = new(money.Cents(5)), 5 }, nil},
		{"a cent more of insured values", func(p *authority.Profile, v *authority.Value) { p.MaxTIV, v.Insured = new(money.Cents(5)), 6 }, []string{"insuredValue"}},
		{"another line", func(_ *authority.Profile, v *authority.Value) { v.Line = "WC" }, []string{"lineOfBusiness"}},
		{"a prohibited state", func(_ *authority.Profile, v *authority.Value) { v.State = "NY" }, []string{"state"}},
		{"not active", func(p *authority.Profile, _ *authority.Value) { p.Active = false }, []string{"profile"}},
		{"an issue", func(_ *authority.Profile, v *authority.Value) {
			v.Issue = &authority.Issue{Name: "x", Comparator: authority.AtMost}
		}, []string{"issue"}},
	} {
		p, v := full, risk
		tt.change(&p, &v)
		if d := cmp.Diff(tt.want, p.Missing(v)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// What is covered by some grant is found, the own before a lent one; what none
// covers never is, and nobody's authority counts who is spent.
func TestCoverIsInsideSomebodysAuthority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := authority.Value{Premium: new(money.Cents(rapid.Int64Range(0, 100).Draw(t, "premium"))), Limit: money.Cents(rapid.Int64Range(0, 100).Draw(t, "limit")), Line: "GL", State: "OR"}
		people := []string{"a", "b", "c", "d"}
		c := authority.Claim{By: "a", Threshold: money.Cents(rapid.Int64Range(0, 50).Draw(t, "threshold")), Spent: rapid.SliceOfDistinct(rapid.SampledFrom(people), rapid.ID).Draw(t, "spent")}
		for _, of := range people[rapid.IntRange(0, 3).Draw(t, "first"):] {
			c.Grants = append(c.Grants, authority.Grant{Of: of, Profile: authority.Profile{
				ID: authority.NewProfileID(noon), Active: true, Lines: []string{"GL"}, Level: rapid.IntRange(1, 10).Draw(t, "level"), Version: 1,
				MaxPremium: new(money.Cents(rapid.Int64Range(0, 100).Draw(t, "maxPremium"))), MaxLimit: new(money.Cents(rapid.Int64Range(0, 100).Draw(t, "maxLimit"))),
			}})
		}
		fits := func(g authority.Grant) bool { return !slices.Contains(c.Spent, g.Of) && g.Profile.Missing(v) == nil }
		use, err := authority.Cover(c, v)
		switch {
		case *v.Premium <= c.Threshold:
			if err != nil || use != (authority.Use{}) {
				t.Fatalf("below the threshold: %+v, %v", use, err)
			}
		case !slices.ContainsFunc(c.Grants, fits):
			if !errors.Is(err, authority.ErrExceeded) {
				t.Fatalf("nobody's authority: %+v, %v", use, err)
			}
		case err != nil:
			t.Fatal(err)
		default:
			of := use.For
			if of == "" {
				of = "a"
			}
			i := slices.IndexFunc(c.Grants, func(g authority.Grant) bool { return g.Of == of && g.Profile.ID.String() == use.Profile })
			if i < 0 || !fits(c.Grants[i]) || c.Grants[i].Profile.Level != use.Level {
				t.Fatalf("used %+v", use)
			}
			if own := slices.IndexFunc(c.Grants, func(g authority.Grant) bool { return g.Of == "a" && fits(g) }); own >= 0 && use.For != "" {
				t.Fatal("lent before own")
			}
		}
	})
}

func TestOffsetOfLimits(t *testing.T) {
	const most = int64(^uint64(0) >> 1)
	for _, tt := range []struct {
		c       authority.Comparator
		value   int64
		percent int
		want    int64
	}{
		{authority.AtMost, 300_000, 10, 330_000}, {authority.AtLeast, 100, 10, 90}, {authority.AtMost, 0, 50, 0}, {authority.AtMost, 33, 10, 36},
		{authority.AtMost, most, 1, most}, {authority.AtMost, -100, 10, -90},
	} {
		if got := tt.c.Offset(tt.value, tt.percent); got != tt.want {
			t.Errorf("%d %s with %d%%: %d, want %d", tt.value, tt.c, tt.percent, got, tt.want)
		}
	}
}

// A circle is found however long it is, and only when all of it is in force at
// one time.
func TestDelegationsInACircle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var people []access.UserID
		for range 5 {
			people = append(people, access.NewUserID(noon))
		}
		var kept []authority.Delegation
		for range rapid.IntRange(1, 15).Draw(t, "tries") {
			from := noon.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "from")) * time.Hour)
			d := authority.Delegation{
				From: rapid.SampledFrom(people).Draw(t, "who"), To: rapid.SampledFrom(people).Draw(t, "to"),
				Starts: from, Ends: from.Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "hours")) * time.Hour),
			}
			if err := d.Check(noon, kept); err == nil {
				kept = append(kept, d)
			}
		}
		for hour := range 15 {
			at := noon.Add(time.Duration(hour) * time.Hour)
			next := map[access.UserID][]access.UserID{}
			for _, d := range kept {
				if d.Holds(at) {
					next[d.From] = append(next[d.From], d.To)
				}
			}
			var walk func(who access.UserID, path []access.UserID)
			walk = func(who access.UserID, path []access.UserID) {
				if slices.Contains(path, who) {
					t.Fatalf("a circle at %s", at)
				}
				for _, to := range next[who] {
					walk(to, append(slices.Clone(path), who))
				}
			}
			for _, p := range people {
				walk(p, nil)
			}
		}
	})
}

// Neither is a search without end: the same may be lent many times over.
func TestManyDelegationsAreLookedThrough(t *testing.T) {
	var people []access.UserID
	for range 12 {
		people = append(people, access.NewUserID(noon))
	}
	lend := func(from, to int) authority.Delegation {
		return authority.Delegation{From: people[from], To: people[to], Starts: noon, Ends: noon.Add(time.Hour)}
	}
	var kept []authority.Delegation
	for i := 1; i < 11; i++ {
		for range 30 { // 30¹⁰ ways
			kept = append(kept, lend(i, i+1))
		}
	}
	if err := lend(0, 1).Check(noon, kept); err != nil {
		t.Error(err)
	}
	if err := lend(11, 1).Check(noon, kept); !errors.Is(err, authority.ErrCircle) {
		t.Errorf("a circle: %v", err)
	}
}

// A state that is mistyped would forbid nothing, and a line allow nothing.
func TestProfilesNameLinesAndStatesThatThereAre(t *testing.T) {
	for _, tt := range []struct {
		name          string
		lines, states []string
		want          string
	}{
		{"all that there are", rating.Lines, submission.States, ""},
		{"no line", nil, nil, "[{authorizedLobs minItems}]"},
		{"none of ours", []string{"BOATS"}, []string{"ZZ", "ny", ""}, "[{authorizedLobs[0] enum} {prohibitedStates[0] enum} {prohibitedStates[1] enum} {prohibitedStates[2] enum}]"},
		{"twice", []string{"GL", "WC", "GL"}, []string{"NY", "NY"}, "[{authorizedLobs[2] unique} {prohibitedStates[1] unique}]"},
	} {
		err := authority.Profile{Name: "p", Level: 3, Lines: tt.lines, ProhibitedStates: tt.states}.Check()
		got := ""
		if f, ok := errors.AsType[*fault.Error](err); ok {
			got = fmt.Sprint(f.Fields())
		}
		if got != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}
