package fault

import (
	"errors"
	"reflect"
	"slices"
)

// Anew is what a change is refused for: what is wrong afterwards, without what was
// wrong before in fields that are as they were. Rules that became stricter stand in
// the way of nobody who changes something else.
func Anew(before, after error, changed []string) error {
	now, ok := errors.AsType[*Error](after)
	if !ok {
		return after
	}
	var stored, out Complaints
	if was, ok := errors.AsType[*Error](before); ok {
		stored = was.fields
	}
	known := map[Field]bool{}
	for _, f := range stored {
		known[f] = true
	}
	for _, f := range now.fields {
		out.When(!known[f] || slices.Contains(changed, f.Top()), f.Field, f.Rule)
	}
	return out.On(ErrValidation)
}

// Changed names the fields that are not the same before and after, each of which
// is named in both; of lists, none is the same as an empty one.
func Changed(before, after map[string]any) []string {
	var names []string
	for name, v := range after {
		if was := before[name]; !reflect.DeepEqual(was, v) && !(empty(was) && empty(v)) {
			names = append(names, name)
		}
	}
	return names
}

func empty(v any) bool {
	r := reflect.ValueOf(v)
	return v == nil || r.Kind() == reflect.Slice && r.Len() == 0
}

// Together adds to fields that were changed those that are held against them: of
// two that contradict each other, one is blamed, and either may have been changed.
func Together(changed []string, pairs map[string][]string) []string {
	for name, others := range pairs {
		if slices.Contains(changed, name) {
			changed = append(changed, others...)
		}
	}
	return changed
}
