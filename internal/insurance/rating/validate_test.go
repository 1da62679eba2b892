package rating_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/rating"
)

func TestValidateNamesEveryField(t *testing.T) {
	rate := func(s string) func(*rating.Book) {
		return func(b *rating.Book) { b.BaseRates["OR"] = rating.BaseRate{PerUnit: s} }
	}
	or, none := []fault.Field{{Field: "baseRates.OR.perUnit", Rule: "min"}}, []fault.Field{{Field: "baseRates.OR.perUnit", Rule: "format"}}
	tests := []struct {
		name   string
		change func(*rating.Book)
		want   []fault.Field
	}{
		{"our own book", func(*rating.Book) {}, nil},
		{"negative rate", rate("-1"), or},
		{"rate of nothing", rate("0.00"), or},
		{"no rate", rate(""), none},
		{"fraction", rate("1/3"), none},
		{"exponent", rate("1e18"), none},
		{"another base", rate("0x10"), none},
		{"underscore", rate("1_0"), none},
		{"two points", rate("1.2.3"), none},
		{"leading point", rate(".5"), none},
		{"a word", rate("1x0"), none},
		{"too long", rate("1.0000000000000000000"), none},
		{"negative minimum", func(b *rating.Book) { b.BaseRates["OR"] = rating.BaseRate{PerUnit: "1", MinimumPremium: -1} }, []fault.Field{{Field: "baseRates.OR.minimumPremium", Rule: "min"}}},
		{"no rates", func(b *rating.Book) { b.BaseRates = nil }, []fault.Field{{Field: "baseRates", Rule: "required"}}},
		{"class in words", func(b *rating.Book) { b.ClassModifiers["roof"] = "1" }, []fault.Field{{Field: "classModifiers.roof", Rule: "pattern"}}},
		{"class without factor", func(b *rating.Book) { b.ClassModifiers["11"] = "0" }, []fault.Field{{Field: "classModifiers.11", Rule: "min"}}},
		{"excludes everything", func(b *rating.Book) { b.ExcludedClasses = []string{"325920", ""} }, []fault.Field{{Field: "excludedClasses[1]", Rule: "pattern"}}},
		{"same band twice", func(b *rating.Book) { b.LimitFactors[1].UpTo = b.LimitFactors[0].UpTo }, []fault.Field{{Field: "limitFactors[1].upTo", Rule: "min"}}},
		{"band up to nothing", func(b *rating.Book) { b.RevenueBands[0].UpTo = 0 }, []fault.Field{{Field: "revenueBands[0].upTo", Rule: "min"}}},
		{"no bands", func(b *rating.Book) { b.RevenueBands = nil }, []fault.Field{{Field: "revenueBands", Rule: "required"}}},
		{"several, in order", func(b *rating.Book) {
			b.BaseRates["WA"], b.BaseRates["CA"] = rating.BaseRate{}, rating.BaseRate{}
			b.LimitFactors = nil
		}, []fault.Field{{Field: "baseRates.CA.perUnit", Rule: "format"}, {Field: "baseRates.WA.perUnit", Rule: "format"}, {Field: "limitFactors", Rule: "required"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := rating.Standard("GL")
			tt.change(&book)
			var got []fault.Field
			err := book.Validate()
			if f, ok := errors.AsType[*fault.Error](err); ok {
				got = f.Fields()
			}
			if d := cmp.Diff(tt.want, got); d != "" || (err == nil) != (tt.want == nil) || err != nil && !errors.Is(err, rating.ErrBook) {
				t.Errorf("err = %v\n%s", err, d)
			}
		})
	}
}

func TestBookSurvivesJSON(t *testing.T) {
	want := rating.Standard("GL")
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got rating.Book
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
