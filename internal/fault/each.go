package fault

import (
	"fmt"
	"slices"
)

// Each tells of each value of a list that is none of those known, and of each that
// the list has had before, by the name of the list and the value's place in it.
func Each(when func(wrong bool, field, rule string), list string, values, known []string) {
	for i, v := range values {
		field := fmt.Sprintf("%s[%d]", list, i)
		when(!slices.Contains(known, v), field, "enum")
		when(slices.Contains(values[:i], v), field, "unique")
	}
}
