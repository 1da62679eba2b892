package producer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func d(s string) civil.Date {
	v, err := civil.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return v
}

func license(change ...func(*producer.License)) producer.License {
	l := producer.License{
		Number: "1", Type: producer.PropertyCasualty, State: "OR", Effective: d("2025-01-01"), Expiration: d("2027-01-01"), Status: producer.LicenseActive,
	}
	for _, c := range change {
		c(&l)
	}
	return l
}

func TestLicenseStanding(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*producer.License)
		want   string
		covers bool // on the day of now
	}{
		{"in force", func(*producer.License) {}, "active", true},
		{"61 days left", func(l *producer.License) { l.Expiration = d("2026-05-01") }, "active", true},
		{"60 days left", func(l *producer.License) { l.Expiration = d("2026-04-30") }, "expiring_soon", true},
		{"last day", func(l *producer.License) { l.Expiration = d("2026-03-02") }, "expiring_soon", true},
		{"expired today", func(l *producer.License) { l.Expiration = d("2026-03-01") }, "expired", false},
		{"begins today", func(l *producer.License) { l.Effective = d("2026-03-01") }, "active", true},
		{"begins tomorrow", func(l *producer.License) { l.Effective = d("2026-03-02") }, "not_yet_effective", false},
		{"pending renewal", func(l *producer.License) { l.Status = producer.LicenseRenewing }, "pending_renewal", true},
		{"pending renewal, too late", func(l *producer.License) { l.Status, l.Expiration = producer.LicenseRenewing, d("2026-02-01") }, "expired", false},
		{"suspended", func(l *producer.License) { l.Status = producer.LicenseSuspended }, "suspended", false},
		{"revoked", func(l *producer.License) { l.Status = producer.LicenseRevoked }, "revoked", false},
		{"another state", func(l *producer.License) { l.State = "CA" }, "active", false},
		{"another line", func(l *producer.License) { l.Lines = []string{"WC"} }, "active", false},
		{"this line", func(l *producer.License) { l.Lines = []string{"WC", "GL"} }, "active", true},
		{"life", func(l *producer.License) { l.Type = producer.LifeHealth }, "active", false},
		{"surplus lines", func(l *producer.License) { l.Type = producer.SurplusLines }, "active", true},
	} {
		l := license(tt.change)
		if got := l.Standing(civil.DateOf(now)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := l.Covers("OR", "GL", civil.DateOf(now)); got != tt.covers {
			t.Errorf("%s: covers: %v", tt.name, got)
		}
	}
	if err := license(func(l *producer.License) { l.Expiration = l.Effective }).Check(); !errors.Is(err, producer.ErrDates) {
		t.Errorf("of no day: %v", err)
	}
	if _, err := license(func(l *producer.License) { l.Status = producer.LicenseRevoked }).Amend(producer.LicenseActive, civil.Date{}, now); !errors.Is(err, producer.ErrLicenseRevoked) {
		t.Errorf("revoked and back: %v", err)
	}
}

// TestOnlyLegalStates takes every step from every state: a step that is refused
// changes nothing.
func TestOnlyLegalStates(t *testing.T) {
	legal := map[producer.Status]string{
		producer.Pending: "active terminated", producer.Active: "suspended terminated", producer.Suspended: "active terminated", producer.Terminated: "",
	}
	for _, from := range producer.Statuses {
		for _, to := range producer.Statuses {
			before := producer.Producer{Status: from}
			after, err := before.To(to, []producer.License{license()}, now)
			if may := slices.Contains(strings.Fields(legal[from]), string(to)); may != (err == nil) || may != (after.Status == to && !after.UpdatedAt.IsZero()) && from != to {
				t.Errorf("%s to %s: %s, %v", from, to, after.Status, err)
			}
			if err != nil && (!errors.Is(err, producer.ErrState) || after.Status != from) {
				t.Errorf("%s to %s: %s, %v", from, to, after.Status, err)
			}
		}
	}
}

func TestActivation(t *testing.T) {
	p := producer.Producer{Status: producer.Pending, Review: true}
	_, err := p.To(producer.Active, []producer.License{license(func(l *producer.License) { l.Expiration = d("2026-03-01") })}, now)
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil || !errors.Is(err, producer.ErrNotReady) || cmp.Diff(f.Details()["reasons"], []string{producer.ReviewPending, producer.NoLicense}) != "" {
		t.Errorf("neither: %v", err)
	}
	if _, err := p.Reviewed(true, now); err != nil {
		t.Error(err)
	}
	if p, err := p.Reviewed(false, now); err != nil || p.Status != producer.Terminated || p.Review {
		t.Errorf("blocked: %v, %v", p.Status, err)
	}
	if _, err := (producer.Producer{}).Reviewed(true, now); !errors.Is(err, producer.ErrReview) {
		t.Errorf("nothing to review: %v", err)
	}
}

// TestAppointmentClocks reads both clocks at their edges.
func TestAppointmentClocks(t *testing.T) {
	a := producer.Appointment{State: "OR", Contract: d("2026-02-14"), Status: producer.AppointmentPending}
	if a.FileBy() != d("2026-03-01") || !a.NoticeBy().IsZero() {
		t.Errorf("file by %s, notice by %s", a.FileBy(), a.NoticeBy())
	}
	for day, want := range map[string][2]bool{ // overdue, covers
		"2026-02-13": {false, false}, "2026-02-14": {false, true}, "2026-03-01": {false, true}, "2026-03-02": {true, false},
	} {
		if got := [2]bool{a.Overdue(d(day)), a.Covers("OR", "GL", d(day))}; got != want {
			t.Errorf("%s: %v, want %v", day, got, want)
		}
	}
	a.Status, a.Ended = producer.AppointmentTerminated, d("2026-03-01")
	if a.NoticeBy() != d("2026-03-31") || a.Overdue(d("2026-03-31")) || !a.Overdue(d("2026-04-01")) || a.Covers("OR", "GL", d("2026-02-20")) {
		t.Errorf("ended: notice by %s", a.NoticeBy())
	}
}

// TestAppointmentSteps walks at random: what is refused changes nothing, what is
// over stays so, and every walk keeps to the table.
func TestAppointmentSteps(t *testing.T) {
	legal := map[producer.AppointmentStatus]string{
		producer.AppointmentPending: "filed terminated", producer.AppointmentFiled: "active rejected terminated", producer.AppointmentActive: "terminated",
		producer.AppointmentTerminated: "noticed",
	}
	rapid.Check(t, func(t *rapid.T) {
		a := producer.Appointment{State: "OR", Contract: d("2026-02-14"), Status: producer.AppointmentPending}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			s := producer.Step{
				To: rapid.SampledFrom(producer.AppointmentStatuses).Draw(t, "to"), Confirmation: rapid.SampledFrom([]string{"", "C-1"}).Draw(t, "confirmation"),
				Cause: rapid.SampledFrom([]string{"", "for cause"}).Draw(t, "cause"),
				On:    rapid.SampledFrom([]civil.Date{{}, d("2026-02-13"), d("2026-02-20"), d("2026-03-01"), d("2026-03-02")}).Draw(t, "on"),
			}
			after, err := a.Take(s, now)
			if err != nil {
				if diff := cmp.Diff(a, after); diff != "" {
					t.Fatalf("refused, and changed: %s", diff)
				}
				continue
			}
			if !slices.Contains(strings.Fields(legal[a.Status]), string(s.To)) {
				t.Fatalf("%s to %s", a.Status, s.To)
			}
			if after.Status == producer.AppointmentActive && after.Confirmation == "" || after.Status == producer.AppointmentTerminated && (after.Cause == "" || after.Ended.IsZero()) ||
				!after.NoticedOn.IsZero() && after.NoticedOn.Before(after.Ended) {
				t.Fatalf("something is missing: %+v", after)
			}
			a = after
		}
	})
}

func TestAgainst(t *testing.T) {
	sale := producer.Sale{State: "OR", Line: "GL", On: civil.DateOf(now)}
	good := producer.File{
		Producer: producer.Producer{Status: producer.Active}, Licenses: []producer.License{license()},
		Appointments: []producer.Appointment{{State: "OR", Contract: d("2026-02-20"), Status: producer.AppointmentActive}},
	}
	bad := producer.File{Producer: producer.Producer{Status: producer.Suspended, Review: true}}
	unappointed := good
	unappointed.Appointments = nil
	for _, tt := range []struct {
		name string
		file producer.File
		firm *producer.File
		want []string
	}{
		{"good", good, nil, nil},
		{"good, of a good firm", good, &good, nil},
		{"appointed by his firm", unappointed, &good, nil},
		{"nobody is appointed", unappointed, &unappointed, []string{producer.NotAppointed}},
		{"everything", bad, nil, []string{producer.NotActive, producer.UnderReview, producer.NotLicensed, producer.NotAppointed}},
		{"his firm", good, &bad, []string{producer.NotActive, producer.UnderReview, producer.FirmUnlicensed}},
	} {
		if diff := cmp.Diff(tt.want, tt.file.Against(sale, tt.firm)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// With whom an appointment is, and what it is good for.
func TestAppointedWithACarrier(t *testing.T) {
	summit := carrier.Carrier{ID: carrier.NewID(now), Name: "Summit Casualty"}
	other := carrier.Carrier{ID: carrier.NewID(now), Name: "Atlas"}
	renamed := carrier.Carrier{ID: summit.ID, Name: "Summit & Sons"}
	impostor := carrier.Carrier{ID: other.ID, Name: "Summit Casualty"}
	named := func(name string, c carrier.ID) producer.File {
		a := producer.Appointment{Carrier: name, CarrierID: c, State: "OR", Contract: d("2026-02-20"), Status: producer.AppointmentActive}
		return producer.File{Producer: producer.Producer{Status: producer.Active}, Licenses: []producer.License{license()}, Appointments: []producer.Appointment{a}}
	}
	both := named("Atlas", carrier.ID{})
	both.Appointments = append(both.Appointments, named("", summit.ID).Appointments...)
	elsewhere := named("", summit.ID)
	elsewhere.Appointments[0].State = "WA"
	none := named("", carrier.ID{})
	none.Appointments = nil
	for _, tt := range []struct {
		name string
		file producer.File
		firm *producer.File
		with *carrier.Carrier
		good bool
	}{
		{"by id", named("Summit Casualty", summit.ID), nil, &summit, true},
		{"by id, and it has another name now", named("Summit Casualty", summit.ID), nil, &renamed, true},
		{"by name", named("Summit Casualty", carrier.ID{}), nil, &summit, true},
		{"by name, in other letters", named("SUMMIT casualty", carrier.ID{}), nil, &summit, true},
		{"by a name that it had", named("Summit Casualty", carrier.ID{}), nil, &renamed, false},
		{"by a part of the name", named("Summit", carrier.ID{}), nil, &summit, false},
		{"with another one by id", named("Atlas", other.ID), nil, &summit, false},
		{"with another one by id, whose name is the same now", named("Summit Casualty", summit.ID), nil, &impostor, false},
		{"with two", both, nil, &summit, true},
		{"in another state", elsewhere, nil, &summit, false},
		{"his firm", none, new(named("", summit.ID)), &summit, true},
		{"his firm, with another", none, new(named("", other.ID)), &summit, false},
		{"he with another, and his firm with it", named("Atlas", other.ID), new(named("", summit.ID)), &summit, true},
		{"in nobody else's name", named("Atlas", other.ID), nil, nil, true},
		{"in nobody else's name, without any", none, nil, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if !tt.good {
				want = []string{producer.NotAppointed}
			}
			sale := producer.Sale{State: "OR", Line: "GL", On: civil.DateOf(now), Carrier: tt.with}
			if diff := cmp.Diff(want, tt.file.Against(sale, tt.firm)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAppointmentNamesACarrier(t *testing.T) {
	summit := carrier.Carrier{ID: carrier.NewID(now), Name: "Summit Casualty"}
	for said, want := range map[string]error{"": nil, "Summit Casualty": nil, "summit CASUALTY": nil, "Summit": producer.ErrOtherCarrier, " ": producer.ErrOtherCarrier} {
		got, err := producer.Appointment{Carrier: said, State: "OR"}.Naming(summit)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", said, err, want)
		}
		if err == nil && (got.Carrier != summit.Name || got.CarrierID != summit.ID || got.State != "OR") {
			t.Errorf("%q becomes %+v", said, got)
		}
	}
}

func TestScreen(t *testing.T) {
	l, err := producer.ReadList(strings.NewReader(`{"name": "test", "entries": [
		{"id": "1", "name": "Viktor Zhelezny Morozenko", "aliases": ["Victor Morozenko"], "programs": ["A"]},
		{"id": "2", "name": "Compañía Naviera Estrella Negra SA", "programs": ["B", "C"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		decision producer.Decision
		how      string
	}{
		{"Harbor Brokers LLC", producer.Pass, ""},
		{"Viktor Smith", producer.Pass, ""},
		{"Victor Hugo Agency", producer.Pass, ""},
		{"VIKTOR ZHELEZNY MOROZENKO", producer.Block, "exact"},
		{"Morozenko, Viktor Zhelezny", producer.Block, "exact"},
		{"victor  morozenko Inc.", producer.Block, "alias"},
		{"Compania Naviera Estrella Negra, Ltd.", producer.Block, "exact"},
		{"Viktor Zhelezni Morozenko", producer.Block, "similar"},
		{"Viktor Zelezny Morosenco", producer.Review, "similar"},
		{"Viktor Zhelezni Morosenk", producer.Review, "similar"},
		{"Viktor Zhelezny Morosenk", producer.Review, "similar"},
	} {
		s := l.Screen([]string{"Somebody Else", tt.name})
		if s.Decision != tt.decision || tt.how == "" != (len(s.Matches) == 0) || tt.how != "" && s.Matches[0].Type != tt.how || s.List != "test" {
			t.Errorf("%s: %+v, want %s %s", tt.name, s, tt.decision, tt.how)
		}
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"name":"x","entries":[{"id":"","name":"a"}]}`, `{"name":"x","entries":[{"id":"1","name":"—"}]}`, `{"name":"x","entires":[]}`} {
		if _, err := producer.ReadList(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: read", bad)
		}
	}
}
