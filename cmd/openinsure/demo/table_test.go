package demo

import (
	"bytes"
	"strings"
	"testing"
)

// shown draws the performance's facts as they stand.
func (p *performance) shown(live, over bool) string {
	var b bytes.Buffer
	s := newScreen(&b, false, live)
	s.columns = []column{
		{"Summit", "Una", 5, just(p.una, p.desk)}, {"Summit", "hook", 6, just(p.hook)}, {"Harbor", "Ben", 5, just(p.ben)},
		{"the insured", "Pat", 5, just(p.inbox)}, {"the insured", "iOS", 5, just(p.phone)},
	}
	r := s.rows(p.facts)
	r.last = NewAccount(p.facts, p.receipts)
	r.paint(over)
	return b.String()
}

func TestTable(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(p *performance)
		over  bool
		want  []string // the cells of each fact
	}{
		{"as it must be", func(*performance) {}, true, []string{"4 11✓ · 12 14", "5 · 5 · ·", "2 · · · ·"}},
		{"not over yet", func(p *performance) { p.drop(p.phone) }, false, []string{"4 11✓ · 12 …", "5 · 5 · ·", "2 · · · ·"}},
		{"missing", func(p *performance) { p.drop(p.phone) }, true, []string{"4 11✓ · 12 ✗", "5 · 5 · ·", "2 · · · ·"}},
		{"doubled", func(p *performance) { p.again(p.phone) }, true, []string{"4 11✓ · 12 ×2", "5 · 5 · ·", "2 · · · ·"}},
		{"not signed", func(p *performance) { p.of(p.hook).Fault = "no" }, true, []string{"4 !11 · 12 14", "5 · 5 · ·", "2 · · · ·"}},
		{"overheard", func(p *performance) {
			r := *p.of(p.desk)
			r.Ear = p.ben
			p.receipts = append(p.receipts, r)
		}, true, []string{"4 11✓ · 12 14", "5 · 5 · ·", "2 · !2 · ·"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPerformance()
			tt.spoil(p)
			lines := strings.Split(strings.TrimSpace(p.shown(false, tt.over)), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("drew %d lines, want %d:\n%s", len(lines), len(tt.want), strings.Join(lines, "\n"))
			}
			for i, want := range tt.want {
				cells := strings.Fields(lines[i])
				if got := strings.Join(cells[len(cells)-5:], " "); got != want {
					t.Errorf("row %d is %q, want %q", i, got, want)
				}
			}
		})
	}
}

// In a terminal the rows of a step are drawn in the same place again.
func TestTableIsDrawnAgain(t *testing.T) {
	p := newPerformance()
	var b bytes.Buffer
	s := newScreen(&b, true, true)
	s.columns = []column{{"Summit", "Una", 5, just(p.una)}}
	r := s.rows(p.facts)
	r.draw(NewAccount(p.facts, nil))
	if strings.Contains(b.String(), "\x1b[3A") {
		t.Errorf("went up before there was anything: %q", b.String())
	}
	r.draw(NewAccount(p.facts, p.receipts))
	if n := strings.Count(b.String(), "\x1b[3A\r"); n != 1 {
		t.Errorf("went up %d times, want once: %q", n, b.String())
	}
}

func TestWrap(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"short":       {"one two", []string{"one two"}},
		"long":        {"one two three four", []string{"one two", "three four"}},
		"a long word": {"onetwothreefour five", []string{"onetwothreefour", "five"}},
		"nothing":     {"", []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wrap(tt.text, 10); strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
