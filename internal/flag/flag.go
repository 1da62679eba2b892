// Package flag says what a feature flag is: a named value that every
// organisation has, which is built in until somebody sets another one for all
// organisations, or for one.
package flag

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// Bounds of flags and of what they can be.
const (
	MostAdded  = 200     // flags besides those that are built in
	mostText   = 1000    // characters of a string
	mostJSON   = 8 << 10 // bytes of a JSON value
	mostSaying = 500     // characters of a description
)

// Faults of a flag that is to be set.
var (
	ErrKind     = fault.New(fault.Refused, "flag_kind", "The flag takes values of another kind; delete the flag to change that.")
	ErrTooMany  = fault.New(fault.Refused, "too_many_flags", "There are as many flags as there may be.").With("limit", MostAdded)
	ErrNotAdded = fault.New(fault.Refused, "flag_built_in", "The flag is built in: its description and kind stay as they are.")
)

// Kind is what sort of value a flag takes.
type Kind string

// The kinds of value.
const (
	Boolean Kind = "boolean"
	Number  Kind = "number"
	String  Kind = "string"
	JSON    Kind = "json" // an object or a list
)

// Kinds lists them.
var Kinds = []Kind{Boolean, Number, String, JSON}

// A Flag is a name with a value for everybody.
type Flag struct {
	Key         string
	Kind        Kind
	Description string
	Value       any // bool, float64, string, map[string]any or []any
}

// GuestInvitations lets people without an account be invited into the deal rooms
// of an organisation.
const GuestInvitations = "rooms.guest_invitations"

// builtIn are the flags that the platform itself heeds.
var builtIn = map[string]Flag{
	GuestInvitations: {
		GuestInvitations, Boolean, "People without an account can be invited into deal rooms by mail. Off: guests who are in stay.", true,
	},
}

// BuiltIn lists the flags that the platform itself heeds, with the values that
// they have when nobody set another, by key.
func BuiltIn() []Flag {
	out := make([]Flag, 0, len(builtIn))
	for _, k := range slices.Sorted(maps.Keys(builtIn)) {
		out = append(out, builtIn[k])
	}
	return out
}

// Find returns a flag that is built in.
func Find(key string) (Flag, bool) {
	f, ok := builtIn[key]
	return f, ok
}

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]*([.-][a-z0-9_]+)*$`)

// CheckKey says what is wrong with the key of a new flag, as a fault.
func CheckKey(key string) error {
	switch {
	case len(key) > 64:
		return fault.ErrValidation.Field("key", "maxLength")
	case !keyForm.MatchString(key):
		return fault.ErrValidation.Field("key", "pattern").With("pattern", keyForm.String())
	}
	return nil
}

// CheckDescription says what is wrong with a description, as a fault.
func CheckDescription(s string) error {
	if utf8.RuneCountInString(s) > mostSaying {
		return fault.ErrValidation.Field("description", "maxLength")
	}
	return nil
}

// Read returns the kind of a value as it came in JSON, or what is wrong with it,
// as a fault.
func Read(v any) (Kind, error) {
	switch v := v.(type) {
	case bool:
		return Boolean, nil
	case float64:
		return Number, nil
	case string:
		if utf8.RuneCountInString(v) > mostText {
			return "", fault.ErrValidation.Field("value", "maxLength").With("limit", mostText)
		}
		return String, nil
	case map[string]any, []any:
		b, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("value of a flag: %w", err)
		}
		if len(b) > mostJSON {
			return "", fault.ErrValidation.Field("value", "maxBytes").With("limit", mostJSON)
		}
		return JSON, nil
	}
	return "", fault.ErrValidation.Field("value", "type").With("kinds", Kinds)
}

// Source says where a value comes from.
type Source string

// The sources of a value, the weakest first.
const (
	FromBuiltIn  Source = "built_in"
	FromGlobal   Source = "global"
	FromOverride Source = "override"
)

// Values are the flags as they are set. The zero Values has what is built in.
// Nobody changes one that others may be reading.
type Values struct {
	Revision  int64
	Global    map[string]any
	Overrides map[access.OrgID]map[string]any
}

// Of returns the value of a flag for an organisation; nil when there is no such
// flag.
func (v Values) Of(org access.OrgID, key string) (any, Source) {
	global, isSet := v.Global[key]
	f, isBuiltIn := builtIn[key]
	if o, ok := v.Overrides[org][key]; ok && (isSet || isBuiltIn) {
		return o, FromOverride
	}
	if isSet {
		return global, FromGlobal
	}
	return f.Value, FromBuiltIn
}

// Bool is Of, for a flag that is yes or no.
func (v Values) Bool(org access.OrgID, key string) bool {
	got, _ := v.Of(org, key)
	is, _ := got.(bool)
	return is
}
