package sla_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openinsure/openinsure/internal/insurance/calendar"
	"github.com/openinsure/openinsure/internal/insurance/sla"
)

func pace(t interface{ Fatal(...any) }) sla.Pace {
	c, err := calendar.Parse(calendar.Spec{TimeZone: "UTC", Opens: "09:00", Closes: "17:00", Workdays: []string{"mon", "tue", "wed", "thu", "fri"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return sla.Pace{Respond: 4 * time.Hour, Quote: 16 * time.Hour, Calendar: c}
}

// monday is a working day, at an hour.
func monday(hour int) time.Time { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC) }

var (
	waits = sla.Stand{Waits: true}
	taken = sla.Stand{Waits: true, Taken: true}
	asks  = sla.Stand{Waits: true, Taken: true, Asked: true}
	over  = sla.Stand{Taken: true}
)

func TestClocksFollow(t *testing.T) {
	p := pace(t)
	c := sla.Clocks{}.Follow(p, waits, monday(7))
	if due, risk := c.Due(); !due.Equal(monday(13)) || !risk.Equal(time.Date(2026, 3, 2, 12, 12, 0, 0, time.UTC)) {
		t.Errorf("received: due %s, at risk %s", due, risk)
	}
	c = c.Follow(p, taken, monday(10))
	if due, _ := c.Due(); !due.Equal(monday(24+17)) || c.Response.State(monday(20)) != sla.Met {
		t.Errorf("taken up: due %s, response %s", due, c.Response.State(monday(20)))
	}
	c = c.Follow(p, asks, monday(13))
	if due, _ := c.Due(); !due.Equal(sla.Never) || c.Quote.State(monday(99)) != sla.Paused || !c.TimerAt().IsZero() {
		t.Errorf("asked: due %s, %s", due, c.Quote.State(monday(99)))
	}
	if same := c.Follow(sla.Pace{}, asks, monday(14)); !c.Settled(asks) || !cmp.Equal(same, c) {
		t.Errorf("asked, once more:\n%s", cmp.Diff(c, same))
	}
	c = c.Follow(p, taken, monday(48+9)) // four hours were spent, twelve are left
	if due, _ := c.Due(); !due.Equal(monday(72 + 13)) {
		t.Errorf("answered: due %s", due)
	}
	c = c.Follow(sla.Pace{}, over, monday(72+13))
	if due, _ := c.Due(); !due.IsZero() || c.Quote.State(monday(999)) != sla.Missed {
		t.Errorf("over at its deadline: due %s, %s", due, c.Quote.State(monday(999)))
	}
	c = c.Follow(p, taken, monday(96+9)) // Friday
	if due, _ := c.Due(); !due.Equal(monday(7*24+17)) || c.Response.State(monday(999)) != sla.Met {
		t.Errorf("asked anew: due %s", due)
	}
}

func TestMarksAreToldOnce(t *testing.T) {
	p := pace(t)
	c := sla.Clocks{}.Follow(p, waits, monday(9))
	var told []sla.Crossing
	tick := func(at time.Time) (n int) {
		var more []sla.Crossing
		c, more = c.Tick(at)
		told = append(told, more...)
		return len(more)
	}
	risk := time.Date(2026, 3, 2, 12, 12, 0, 0, time.UTC)
	if !c.TimerAt().Equal(risk) || tick(risk.Add(-1)) != 0 || tick(risk) != 1 || tick(risk) != 0 || !c.TimerAt().Equal(monday(13)) {
		t.Errorf("at risk: %v, next %s", told, c.TimerAt())
	}
	c = c.Follow(p, taken, monday(13)) // at its deadline: late
	if c.Response.State(monday(13)) != sla.Missed || tick(monday(14)) != 0 {
		t.Errorf("taken up too late: %s, %v", c.Response.State(monday(13)), told)
	}
	if n := tick(monday(24 + 17)); n != 1 || told[len(told)-1] != (sla.Crossing{Clock: sla.QuoteClock, State: sla.Breached, DueAt: monday(24 + 17)}) {
		t.Errorf("breached: %v", told)
	}
	if !c.TimerAt().IsZero() || tick(monday(999)) != 0 {
		t.Errorf("afterwards: %v, next %s", told, c.TimerAt())
	}
}

// However often the other side is asked, and whenever: the desk has all of its
// working time, and no more, and no clock is told of twice.
func TestTheTimeIsTheDesksOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pace(t)
		at := monday(0).Add(time.Duration(rapid.IntRange(0, 7*24*60).Draw(t, "start")) * time.Minute)
		c := sla.Clocks{}.Follow(p, taken, at)
		var spent time.Duration
		told := map[sla.State]int{}
		for range rapid.IntRange(1, 12).Draw(t, "turns") {
			stand := taken
			if rapid.Bool().Draw(t, "asked") {
				stand = asks
			}
			c = c.Follow(p, stand, at)
			next := at.Add(time.Duration(rapid.IntRange(1, 20*60).Draw(t, "minutes")) * time.Minute)
			if !stand.Asked {
				spent += p.Calendar.Between(at, next)
			}
			at = next
			var more []sla.Crossing
			c, more = c.Tick(at)
			for _, k := range more {
				told[k.State]++
			}
			late := c.Quote.State(at) == sla.Breached
			if !stand.Asked && late != (spent >= p.Quote) {
				t.Fatalf("%s spent, %s", spent, c.Quote.State(at))
			}
		}
		if told[sla.Risky] > 1 || told[sla.Breached] > 1 {
			t.Fatalf("told %v", told)
		}
	})
}
