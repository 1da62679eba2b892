package calendar_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/calendar"
)

func date(s string) civil.Date {
	d, err := civil.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func office(t testing.TB, change func(*calendar.Spec)) calendar.Calendar {
	t.Helper()
	s := calendar.Standard()
	change(&s)
	c, err := calendar.Parse(s, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAdd(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	c := office(t, func(s *calendar.Spec) { s.Holidays = []civil.Date{date("2026-07-03")} })
	night := office(t, func(s *calendar.Spec) {
		s.Opens, s.Closes, s.Workdays = "00:00", "24:00", append(s.Workdays, "sat", "sun")
	})
	for _, tt := range []struct {
		name       string
		on         calendar.Calendar
		from, want string
		add        time.Duration
	}{
		{"within a day", c, "2026-03-02T10:00", "2026-03-02T14:00", 4 * time.Hour},
		{"to the end of a day", c, "2026-03-02T10:00", "2026-03-02T17:00", 7 * time.Hour},
		{"over a night", c, "2026-03-02T16:00", "2026-03-03T12:00", 4 * time.Hour},
		{"over a weekend", c, "2026-03-06T16:00", "2026-03-09T12:00", 4 * time.Hour},
		{"from a weekend", c, "2026-03-07T11:00", "2026-03-09T13:00", 4 * time.Hour},
		{"before opening", c, "2026-03-02T06:00", "2026-03-02T10:00", time.Hour},
		{"after closing", c, "2026-03-02T20:00", "2026-03-03T10:00", time.Hour},
		{"over a holiday", c, "2026-07-02T16:00", "2026-07-06T12:00", 4 * time.Hour},
		{"two business days", c, "2026-03-05T11:00", "2026-03-09T11:00", 16 * time.Hour},
		{"nothing", c, "2026-03-07T11:00", "2026-03-07T11:00", 0},
		{"less than nothing", c, "2026-03-07T11:00", "2026-03-07T11:00", -time.Hour},
		{"a day of 23 hours", night, "2026-03-08T00:00", "2026-03-09T01:00", 24 * time.Hour},
		{"a day of 25 hours", night, "2026-11-01T00:00", "2026-11-01T23:00", 24 * time.Hour},
	} {
		from, err := time.ParseInLocation("2006-01-02T15:04", tt.from, ny)
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.on.Add(from, tt.add); got.Format("2006-01-02T15:04") != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// What is added is what is between, and later starts never end earlier.
func TestAddAndBetweenAgree(t *testing.T) {
	zones := []string{"America/New_York", "UTC", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"}
	all := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	rapid.Check(t, func(t *rapid.T) {
		opens := rapid.IntRange(0, 23*60).Draw(t, "opens")
		closes := rapid.IntRange(opens+10, 24*60).Draw(t, "closes")
		clock := func(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
		start := date("2026-01-01")
		s := calendar.Spec{
			TimeZone: rapid.SampledFrom(zones).Draw(t, "zone"), Opens: clock(opens), Closes: clock(closes),
			Workdays: rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 7, rapid.ID).Draw(t, "workdays"),
		}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 400), 0, 20).Draw(t, "holidays") {
			s.Holidays = append(s.Holidays, start.AddDays(n))
		}
		c, err := calendar.Parse(s, "")
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 400*24*3600).Draw(t, "from")) * time.Second)
		add := time.Duration(rapid.Int64Range(1, 100*3600).Draw(t, "add")) * time.Second
		end := c.Add(from, add)
		if got := c.Between(from, end); got != add {
			t.Fatalf("%s after %s is %s, and between them are %s", add, from, end, got)
		}
		if more := c.Add(from, add+time.Second); !more.After(end) {
			t.Fatalf("more ends at %s, not after %s", more, end)
		}
		if later := c.Add(from.Add(time.Hour), add); later.Before(end) {
			t.Fatalf("a later start ends at %s, before %s", later, end)
		}
		middle := from.Add(end.Sub(from) / 2)
		if c.Between(from, middle)+c.Between(middle, end) != add {
			t.Fatal("the halves are not the whole")
		}
		if c.Between(end, from) != 0 {
			t.Fatal("time runs backwards")
		}
	})
}

// A calendar with a minute a week still has an end to every time.
func TestAddReachesSoFar(t *testing.T) {
	c := office(t, func(s *calendar.Spec) { s.Opens, s.Closes, s.Workdays = "09:00", "09:01", []string{"mon"} })
	from := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	if got, want := c.Add(from, 60*24*time.Hour), from.AddDate(0, 0, calendar.MaxReach); !got.Equal(want) {
		t.Errorf("%s, want %s", got, want)
	}
	if got := c.Add(from, 2000*time.Minute); c.Between(from, got) != 2000*time.Minute {
		t.Errorf("%s, which is no 2000 minutes on", got)
	}
}

func TestParseReportsEverything(t *testing.T) {
	_, err := calendar.Parse(calendar.Spec{TimeZone: "Mars", Opens: "9", Closes: "25:00", Workdays: []string{"mon", "mon", "day"}, Holidays: []civil.Date{{}}}, "calendar.")
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatal(err)
	}
	var got []string
	for _, b := range f.Fields() {
		got = append(got, b.Field+":"+b.Rule)
	}
	const want = "calendar.timeZone:timezone calendar.opens:format calendar.closes:format calendar.workdays[1]:unique calendar.workdays[2]:enum calendar.holidays[0]:format"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
	for name, s := range map[string]calendar.Spec{
		"no day":      {TimeZone: "UTC", Opens: "09:00", Closes: "17:00"},
		"no hours":    {TimeZone: "UTC", Opens: "09:00", Closes: "09:00", Workdays: []string{"mon"}},
		"no zone":     {Opens: "09:00", Closes: "17:00", Workdays: []string{"mon"}},
		"the machine": {TimeZone: "Local", Opens: "09:00", Closes: "17:00", Workdays: []string{"mon"}},
	} {
		if _, err := calendar.Parse(s, ""); !errors.Is(err, fault.ErrValidation) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDeadlineVectors checks the published deadlines and rates.
func TestDeadlineVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Deadlines []struct {
			ID  string
			Out json.RawMessage
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	c := office(t, func(*calendar.Spec) {})
	rule := func(state, obligation, kind, on string) calendar.Rule {
		r, ok := calendar.RuleFor(state, obligation, kind, date(on))
		if !ok || r.Citation == "" {
			t.Errorf("%s %s %s: no rule", state, obligation, kind)
		}
		return r
	}
	due := func(r calendar.Rule, from string) string { return c.Due(r, date(from)).String()[5:] }
	rate := func(state, on string) string { return rule(state, "surplus_tax", "", on).Rate }
	days := func(obligation, kind, tail string) string {
		r := rule("TX", obligation, kind, "2026-03-02")
		return fmt.Sprintf("%d %s days%s", r.Days, r.Unit, tail)
	}
	quarter := rule("FL", "surplus_tax_payment", "", "2026-01-01")
	next := c.Due(quarter, date("2026-12-31"))
	got := map[string]any{
		"DL-1": due(rule("FL", "surplus_transaction_filing", "", "2026-10-01"), "2026-10-01"),
		"DL-2": map[string]string{"Q1": due(quarter, "2026-01-01"), "Q2": due(quarter, "2026-06-30"), "Q3": due(quarter, "2026-07-01"), "Q4": due(quarter, "2026-12-31") + map[bool]string{true: " next year"}[next.Year == 2027]},
		"DL-3": map[string]string{"2024": rate("IA", "2024-06-01"), "2025": rate("IA", "2025-01-01"), "2026": rate("IA", "2026-12-31"), "2027+": rate("IA", "2031-01-01")},
		"DL-4": map[string]string{"before_2024": rate("KS", "2023-12-31"), "from_2024-01-01": rate("KS", "2024-01-01")},
		"DL-5": map[string]string{
			"acknowledge": days("claim_acknowledgement", "admitted", ""), "decide": days("claim_decision", "admitted", " after all items"),
			"extension": strings.Replace(days("claim_decision_extension", "admitted", ""), "calendar ", "", 1), "pay": days("claim_payment", "admitted", ""),
		},
		"DL-6": map[string]string{"acknowledge": days("claim_acknowledgement", "surplus", ""), "pay": days("claim_payment", "surplus", "")},
	}
	if len(file.Deadlines) != len(got) {
		t.Errorf("%d vectors, %d checked", len(file.Deadlines), len(got))
	}
	for _, v := range file.Deadlines {
		var want any
		if err := json.Unmarshal(v.Out, &want); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got[v.ID]) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", v.ID, got[v.ID], want)
		}
	}
}

func TestBusinessDays(t *testing.T) {
	c := office(t, func(s *calendar.Spec) { s.Holidays = []civil.Date{date("2026-07-03")} })
	fifteen, _ := calendar.RuleFor("TX", "claim_decision", "admitted", date("2026-07-01"))
	for _, tt := range []struct {
		name, from, want string
		r                calendar.Rule
	}{
		{"fifteen over a holiday", "2026-07-01", "2026-07-23", fifteen},
		{"from a Saturday", "2026-03-07", "2026-03-13", calendar.Rule{Days: 5, Unit: calendar.BusinessDays}},
		{"none", "2026-03-07", "2026-03-07", calendar.Rule{Unit: calendar.BusinessDays}},
		{"calendar days", "2026-02-20", "2026-03-02", calendar.Rule{Days: 10, Unit: calendar.CalendarDays}},
	} {
		if got := c.Due(tt.r, date(tt.from)); got != date(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if _, ok := calendar.RuleFor("IA", "surplus_tax", "", date("2023-12-31")); ok {
		t.Error("a rule before its time")
	}
}
