package fault

import "fmt"

// Each tells of each value of a list that is none of those known, and of each that
// the list has had before, by the name of the list and the value's place in it.
func Each(when func(wrong bool, field, rule string), list string, values, known []string) {
	is, seen := map[string]bool{}, map[string]bool{}
	for _, v := range known {
		is[v] = true
	}
	for i, v := range values {
		field := fmt.Sprintf("%s[%d]", list, i)
		when(!is[v], field, "enum")
		when(seen[v], field, "unique")
		seen[v] = true
	}
}
