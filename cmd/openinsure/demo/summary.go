package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// summary says how it went.
func (s *screen) summary(facts []*Fact, receipts []Receipt, problems []string, took time.Duration) {
	took = took.Round(10 * time.Millisecond)
	times := map[Way][]time.Duration{}
	a := NewAccount(facts, receipts)
	n := 0
	for f, by := range a.heard {
		for e, rs := range by {
			for _, r := range rs {
				times[e.Way] = append(times[e.Way], r.At.Sub(f.Asked))
				n++
			}
		}
	}
	s.line("")
	s.line(s.paint(dim, pad("    after how many ms", 24)+padLeft("heard", 8)+padLeft("p50", 8)+padLeft("p99", 8)+padLeft("most", 8)))
	for _, w := range Ways {
		if ts := times[w]; len(ts) > 0 {
			slices.Sort(ts)
			s.line(fmt.Sprintf("    %s%8d%8s%8s%8s", pad(string(w), 20), len(ts), ms(percentile(ts, 50)), ms(percentile(ts, 99)), ms(ts[len(ts)-1])))
		}
	}
	s.line("")
	if len(problems) == 0 {
		s.line(s.paint(green, fmt.Sprintf("  ✓ %d facts, heard %d times in %v:", len(facts), n, took)) +
			" once each, in order, under one id on every path, signed;")
		s.line("    nothing missing, nothing doubled, nothing invented, and nobody heard what was not for him.")
		s.line("")
		return
	}
	s.line(s.paint(red, fmt.Sprintf("  ✗ %d facts, heard %d times in %v; %d things were not as they must be:", len(facts), n, took, len(problems))))
	for _, p := range problems {
		for i, line := range wrap(p, width-6) {
			mark := "    - "
			if i > 0 {
				mark = "      "
			}
			s.line(mark + line)
		}
	}
	s.line("")
}

// percentile of times that are sorted: the smallest that p in a hundred do not
// exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// kept says how to go on with servers that were left running.
func (s *screen) kept(at *servers, c *cast) {
	s.line("  The servers run until Ctrl-C:")
	s.line("")
	for _, l := range [][2]string{
		{"API", strings.Join(at.urls, "  ")}, {"pages", at.urls[0] + "/docs"}, {"API key", c.integrator.token}, {"API secret", at.secret}, {"data", at.dir},
	} {
		s.line("    " + pad(l[0], 12) + l[1])
	}
	s.line("")
}
