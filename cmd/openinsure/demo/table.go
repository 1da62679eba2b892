package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A column of the table is somebody, by one way, with all his ears for it.
type column struct {
	group, head string
	width       int
	ears        []*Ear
}

// columns are those of this performance: whom there is to tell.
func (p *player) columns() []column {
	c := p.cast
	cols := []column{
		{"Summit Specialty MGA", "Una", 5, just(c.unaOrg, c.unaRoom, c.unaDesk, c.unaLive, c.unaInbox)},
		{"Summit Specialty MGA", "mail", 5, just(c.unaMail)},
	}
	for i, w := range c.witnesses {
		head := "Ada"
		if len(c.witnesses) > 1 {
			head = fmt.Sprintf("Ada%d", i+1)
		}
		cols = append(cols, column{"Summit Specialty MGA", head, 5, just(w.underwriting, w.finance, w.room, w.desk)})
	}
	cols = append(cols,
		column{"Summit Specialty MGA", "SSE", 5, just(c.streamUnderwriting, c.streamFinance)},
		column{"Summit Specialty MGA", "hook", 6, just(c.hook)},
		column{"Harbor Brokers", "Ben", 5, all(c.benDesk, just(c.benRoom, c.benLive, c.benInbox))},
		column{"Harbor Brokers", "push", 5, just(c.benPhone)},
		column{"Harbor Brokers", "mail", 5, just(c.benMail)},
		column{"the insured", "Pat", 5, just(c.patLive, c.patInbox)},
		column{"the insured", "iOS", 5, just(c.patIPhone)},
		column{"the insured", "Andr", 5, just(c.patAndroid)},
		column{"the insured", "mail", 5, just(c.patML)},
	)
	for i := range cols {
		cols[i].ears = all(cols[i].ears)
	}
	return spread(slices.DeleteFunc(cols, func(c column) bool { return len(c.ears) == 0 }))
}

// spread widens the first column of a group that has no room for its name.
func spread(cols []column) []column {
	for i := 0; i < len(cols); {
		n, wide := i, 0
		for ; n < len(cols) && cols[n].group == cols[i].group; n++ {
			wide += cols[n].width
		}
		cols[i].width += max(0, len(cols[i].group)+1-wide)
		i = n
	}
	return cols
}

// header draws the head of the table.
func (s *screen) header(cols []column) {
	s.columns = cols
	label := s.label()
	var groups, heads strings.Builder
	groups.WriteString(pad("", label))
	heads.WriteString(pad("   ms from the request", label))
	for i := 0; i < len(cols); {
		n, wide := i, 0
		for ; n < len(cols) && cols[n].group == cols[i].group; n++ {
			wide += cols[n].width
			heads.WriteString(padLeft(cols[n].head, cols[n].width))
		}
		name := " " + cols[i].group + " "
		name += strings.Repeat("─", max(0, wide-1-len(name)))
		groups.WriteString(pad(string([]rune(name)[:min(len([]rune(name)), wide)]), wide))
		i = n
	}
	s.line("")
	s.line(s.paint(dim, groups.String()))
	s.line(s.paint(dim, heads.String()))
	s.line("")
}

// label is how wide the names of facts are.
func (s *screen) label() int {
	n := width
	for _, c := range s.columns {
		n -= c.width
	}
	return min(n, 40)
}

// rows are the facts of one step, drawn again as they are heard.
type rows struct {
	screen *screen
	facts  []*Fact
	last   *Account
	drawn  bool
}

func (s *screen) rows(facts []*Fact) *rows { return &rows{screen: s, facts: facts} }

// draw shows how far the facts got.
func (r *rows) draw(a *Account) {
	r.last = a
	if r.screen.live {
		r.paint(false)
	}
}

// done shows the facts as they are now, for good, and what people read of them.
func (r *rows) done() {
	r.paint(true)
	for _, f := range r.facts {
		for _, e := range f.Heard {
			for _, got := range r.last.heard[f][e] {
				if e.Shows && got.Words != "" {
					r.screen.note("%s: “%s”", e.Name, got.Words)
				}
			}
		}
	}
}

func (r *rows) paint(over bool) {
	if r.drawn {
		_, _ = fmt.Fprintf(r.screen.out, "\x1b[%dA\r", len(r.facts))
	}
	r.drawn = true
	for _, f := range r.facts {
		clear := ""
		if r.screen.live {
			clear = "\x1b[K"
		}
		r.screen.line(r.row(f, over) + clear)
	}
}

func (r *rows) row(f *Fact, over bool) string {
	s := r.screen
	kind := f.Type
	if f.Type == card {
		kind = "└ its card in the room"
	}
	label := []rune("   " + kind)
	if f.Note != "" && f.Type != card {
		label = append(label, []rune(" "+f.Note)...)
	}
	n := s.label()
	if len(label) > n {
		label = append(label[:n-1], '…')
	}
	var line strings.Builder
	line.WriteString(pad(string(label), n))
	for _, c := range s.columns {
		text, p := cell(f, r.last.heard[f], c.ears, over)
		line.WriteString(s.paint(p, padLeft(text, c.width)))
	}
	return line.String()
}

// cell shows when a fact was heard at some ears: the first of them.
func cell(f *Fact, heard map[*Ear][]Receipt, ears []*Ear, over bool) (string, paint) {
	var first time.Time
	wanted, missing, wrong, signed := false, false, false, false
	most := 0
	for _, e := range ears {
		rs := heard[e]
		if slices.Contains(f.Heard, e) {
			wanted, missing = true, missing || len(rs) == 0
		} else if len(rs) > 0 {
			wrong = true
		}
		for _, r := range rs {
			if first.IsZero() || r.At.Before(first) {
				first = r.At
			}
			wrong, signed = wrong || r.Fault != "", e.Way == Webhook
		}
		most = max(most, len(rs))
	}
	ms := fmt.Sprint(max(0, first.Sub(f.Asked).Milliseconds()))
	switch {
	case first.IsZero() && !wanted:
		return "·", dim
	case missing && over:
		return "✗", red
	case first.IsZero():
		return "…", dim
	case most > 1:
		return fmt.Sprintf("×%d", most), red
	case wrong:
		return "!" + ms, red
	case signed:
		return ms + "✓", green
	}
	return ms, plain
}
