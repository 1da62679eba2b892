package fault

import (
	"strings"
	"unicode"
)

// Blank reports whether a text has nothing to see: spaces of any kind, marks that
// have no shape. It is what the pattern [^\s\p{Z}\p{C}] of the document refuses.
func Blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.In(r, unicode.Z, unicode.C) })
}
