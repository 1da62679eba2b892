package demo

import (
	"fmt"
	"io"
	"strings"
)

// width is that of everything that is shown.
const width = 100

// A screen shows the deal as lines of text.
type screen struct {
	out     io.Writer
	colour  bool
	live    bool // lines can be drawn again
	columns []column
	steps   int
}

func newScreen(out io.Writer, colour, live bool) *screen {
	return &screen{out: out, colour: colour, live: live}
}

// A paint is a colour of the terminal.
type paint string

const (
	plain paint = ""
	bold  paint = "1"
	dim   paint = "2"
	red   paint = "1;31"
	green paint = "32"
	cyan  paint = "36"
)

func (s *screen) paint(p paint, text string) string {
	if !s.colour || p == plain || text == "" {
		return text
	}
	return "\x1b[" + string(p) + "m" + text + "\x1b[0m"
}

// line writes one line; nobody may read any more, which a signal ends.
func (s *screen) line(text string) { _, _ = fmt.Fprintln(s.out, strings.TrimRight(text, " ")) }

func (s *screen) title(text string) {
	s.line("")
	s.line(s.paint(bold, text))
	s.line("")
}

// gutter is how wide the first words of the preparations are.
const gutter = 10

// say is a line of the preparations: what about, and what of it.
func (s *screen) say(about, format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), width-2-gutter) {
		s.line("  " + s.paint(dim, pad(about, gutter)+line))
		about = ""
	}
}

// step is what somebody does.
func (s *screen) step(format string, args ...any) {
	s.steps++
	for i, line := range wrap(fmt.Sprintf(format, args...), width-3) {
		number := "   "
		if i == 0 {
			number = fmt.Sprintf("%2d ", s.steps)
		}
		s.line(s.paint(cyan, number) + s.paint(bold, line))
	}
}

// note is a line of a step that is no fact.
func (s *screen) note(format string, args ...any) {
	for i, line := range wrap(fmt.Sprintf(format, args...), width-6) {
		arrow := "   ▸ "
		if i > 0 {
			arrow = "     "
		}
		s.line(s.paint(dim, arrow+line))
	}
}

// wrap breaks a text at its spaces.
func wrap(text string, most int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > most:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// pad fills a text up to n characters, from the left when it is a number.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-len([]rune(text))))
}

func padLeft(text string, n int) string {
	return strings.Repeat(" ", max(0, n-len([]rune(text)))) + text
}
