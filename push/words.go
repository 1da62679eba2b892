package push

import "sort"

// Shorten returns w with as much of its body, and if that is not enough of its
// title, as fits, cut between characters with an ellipsis for the rest. It
// reports whether there are words that fit at all. What fits must not be longer
// than something that does not.
func (w Words) Shorten(fits func(Words) bool) (Words, bool) {
	if fits(w) {
		return w, true
	}
	if body, ok := cut(w.Body, func(s string) bool { return fits(Words{Title: w.Title, Body: s}) }); ok {
		return Words{Title: w.Title, Body: body}, true
	}
	title, ok := cut(w.Title, func(s string) bool { return fits(Words{Title: s}) })
	return Words{Title: title}, ok
}

// cut returns the longest start of text, with an ellipsis, that fits.
func cut(text string, fits func(string) bool) (string, bool) {
	runes := []rune(text)
	short := func(n int) string { return string(runes[:n]) + "…" }
	n := sort.Search(len(runes), func(n int) bool { return !fits(short(n)) })
	if n == 0 {
		return "", false
	}
	return short(n - 1), true
}
