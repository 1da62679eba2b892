package fault

import "fmt"

// Complaints collects what is wrong with something, to be told all at once.
type Complaints []Field

// When adds that a field breaks a rule, if it does.
func (c *Complaints) When(wrong bool, field, rule string) {
	if wrong {
		*c = append(*c, Field{Field: field, Rule: rule})
	}
}

// Fits blames a list of n items for being longer than most. Of one that does not
// fit nobody looks at an item: it may have any number.
func (c *Complaints) Fits(list string, n, most int) bool {
	c.When(n > most, list, "maxItems")
	return n <= most
}

// Fitting is what there is to look at of a list: nothing when it does not fit, for
// which it is blamed.
func Fitting[T any](c *Complaints, list string, items []T, most int) []T {
	if !c.Fits(list, len(items), most) {
		return nil
	}
	return items
}

// Each adds each value of a list that is none of those known, and each that the
// list has had before, by the name of the list and the value's place in it. Of a
// list that is longer than all that is known it says no more than that.
func (c *Complaints) Each(list string, values, known []string) {
	is, seen := map[string]bool{}, map[string]bool{}
	for _, v := range known {
		is[v] = true
	}
	for i, v := range Fitting(c, list, values, len(known)) {
		field := fmt.Sprintf("%s[%d]", list, i)
		c.When(!is[v], field, "enum")
		c.When(seen[v], field, "unique")
		seen[v] = true
	}
}

// On blames all that was collected on e; nil when nothing was.
func (c Complaints) On(e *Error) error {
	if len(c) == 0 {
		return nil
	}
	return e.Blame(c...)
}
