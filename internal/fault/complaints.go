package fault

// Complaints collects what is wrong with something, to be told all at once.
type Complaints []Field

// When adds that a field breaks a rule, if it does.
func (c *Complaints) When(wrong bool, field, rule string) {
	if wrong {
		*c = append(*c, Field{Field: field, Rule: rule})
	}
}

// On blames all that was collected on e; nil when nothing was.
func (c Complaints) On(e *Error) error {
	if len(c) == 0 {
		return nil
	}
	return e.Blame(c...)
}
