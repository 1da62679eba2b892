package api

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
)

// mark introduces a rule name in what huma thinks is a message for people. No
// JSON text or header can contain it unescaped.
const mark = "\x01"

// fieldsMark introduces a list of faults that are already complete.
const fieldsMark = mark + "fields" + mark

// setHumaOnce makes huma speak in rule names and our error body. It changes
// package variables of huma, so it happens once for the process.
var setHumaOnce = sync.OnceFunc(func() {
	rules := map[*string]string{
		&validation.MsgUnexpectedProperty:                 "unknown",
		&validation.MsgExpectedRFC3339DateTime:            "datetime",
		&validation.MsgExpectedRFC1123DateTime:            "datetime",
		&validation.MsgExpectedRFC3339Date:                "date",
		&validation.MsgExpectedRFC3339Time:                "format",
		&validation.MsgExpectedRFC5322Email:               "email",
		&validation.MsgExpectedRFC5890Hostname:            "format",
		&validation.MsgExpectedRFC2673IPv4:                "format",
		&validation.MsgExpectedRFC2373IPv6:                "format",
		&validation.MsgExpectedRFCIPAddr:                  "format",
		&validation.MsgExpectedRFC3986URI:                 "format",
		&validation.MsgExpectedRFC4122UUID:                "uuid",
		&validation.MsgExpectedRFC6570URITemplate:         "format",
		&validation.MsgExpectedRFC6901JSONPointer:         "format",
		&validation.MsgExpectedRFC6901RelativeJSONPointer: "format",
		&validation.MsgExpectedRegexp:                     "format",
		&validation.MsgExpectedMatchAtLeastOneSchema:      "type",
		&validation.MsgExpectedMatchExactlyOneSchema:      "type",
		&validation.MsgExpectedNotMatchSchema:             "type",
		&validation.MsgExpectedPropertyNameInObject:       "required",
		&validation.MsgExpectedBoolean:                    "type",
		&validation.MsgExpectedDuration:                   "format",
		&validation.MsgExpectedNumber:                     "type",
		&validation.MsgExpectedInteger:                    "type",
		&validation.MsgExpectedString:                     "type",
		&validation.MsgExpectedBase64String:               "format",
		&validation.MsgExpectedArray:                      "type",
		&validation.MsgExpectedObject:                     "type",
		&validation.MsgExpectedArrayItemsUnique:           "unique",
		&validation.MsgExpectedOneOf:                      "enum",
		&validation.MsgExpectedMinimumNumber:              "min",
		&validation.MsgExpectedExclusiveMinimumNumber:     "exclusiveMin",
		&validation.MsgExpectedMaximumNumber:              "max",
		&validation.MsgExpectedExclusiveMaximumNumber:     "exclusiveMax",
		&validation.MsgExpectedNumberBeMultipleOf:         "format",
		&validation.MsgExpectedMinLength:                  "minLength",
		&validation.MsgExpectedMaxLength:                  "maxLength",
		&validation.MsgExpectedBePattern:                  "pattern",
		&validation.MsgExpectedMatchPattern:               "pattern",
		&validation.MsgExpectedMinItems:                   "minItems",
		&validation.MsgExpectedMaxItems:                   "maxItems",
		&validation.MsgExpectedMinProperties:              "minItems",
		&validation.MsgExpectedMaxProperties:              "maxItems",
		&validation.MsgExpectedRequiredProperty:           "required",
		&validation.MsgExpectedDependentRequiredProperty:  "required",
	}
	for message, rule := range rules {
		// The verbs stay, or fmt would complain inside the message.
		*message = mark + rule + strings.Repeat(mark+"%v", strings.Count(*message, "%"))
	}
	huma.ValidateStrictCasing = true
	huma.NewErrorWithContext = func(hctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		st := stateOf(hctx.Context())
		p := st.api.problem(hctx.Context(), humaFault(status, msg, errs, st))
		st.errorCode = p.Code
		return p
	}
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return newProblem(context.Background(), humaFault(status, msg, errs, &state{}))
	}
})

// humaFault turns what huma found into a fault: what the schema says, then what
// cannot be read, then what the resolvers say.
func humaFault(status int, msg string, errs []error, st *state) error {
	switch status {
	case 413:
		return errBodyTooLarge
	case 415:
		return errMediaType
	case 408:
		return errRequestTimeout
	case 400, 422, 0:
	default:
		return errInternal.Because(errors.Join(append([]error{errors.New(msg)}, errs...)...))
	}
	var fields, unknown fault.Complaints
	var resolved []*fault.Error
	for _, err := range errs {
		var f *fault.Error
		var d huma.ErrorDetailer
		switch {
		case errors.As(err, &f):
			resolved = append(resolved, f)
		case errors.As(err, &d):
			for _, b := range fieldsOf(d.ErrorDetail()) {
				if b.Rule == "unknown" {
					unknown = append(unknown, b)
				} else {
					fields = append(fields, b)
				}
			}
		}
	}
	if resolved = append(resolved, st.foreseen...); len(fields)+len(unknown)+len(st.needless) == 0 && len(resolved) == 1 {
		return resolved[0] // with what else it says
	}
	// Huma walks maps, so what is unknown comes in any order.
	slices.SortFunc(unknown, func(a, b fault.Field) int { return strings.Compare(a.Field, b.Field) })
	fields = besides(besides(besides(nil, fields), unknown), st.needless)
	// What is too short need not be told as well that it is blank.
	said := slices.Clone(fields)
	fields = slices.DeleteFunc(fields, func(f fault.Field) bool {
		return f.Rule == "pattern" && slices.Contains(said, fault.Field{Field: f.Field, Rule: "minLength"})
	})
	fields = besides(fields, st.unreadable())
	var rules fault.Complaints
	for _, f := range resolved {
		rules = append(rules, f.Fields()...)
	}
	fields = besides(fields, rules)
	invalid := fault.ErrValidation.Blame(fields[:min(len(fields), mostFaults)]...)
	if len(fields) > mostFaults {
		invalid = invalid.With("more", true)
	}
	return invalid
}

// fieldsOf reads back the rule names that setHumaOnce planted, and those few
// texts of huma that have no variable.
func fieldsOf(d *huma.ErrorDetail) []fault.Field {
	if list, ok := strings.CutPrefix(d.Message, fieldsMark); ok {
		var fields []fault.Field
		_ = json.Unmarshal([]byte(list), &fields) // written by decode
		return fields
	}
	place, field, _ := strings.Cut(d.Location, ".")
	if rest, ok := strings.CutPrefix(d.Location, "body["); ok { // a body that is a list
		place, field = "body", "["+rest
	}
	rule := "format"
	switch parts := strings.Split(d.Message, mark); {
	case len(parts) > 1:
		rule = parts[1]
		if rule == "required" && len(parts) > 2 {
			field = join(field, parts[2])
		}
	case strings.HasPrefix(d.Message, "required "):
		rule = "required"
	case strings.HasPrefix(d.Message, "unknown query"):
		rule = "unknown"
	case d.Message == "invalid integer":
		rule = numberRule(d.Value)
	case d.Message == "invalid float", d.Message == "invalid floating value", d.Message == "invalid boolean":
		rule = "type"
	case strings.HasPrefix(d.Message, "invalid date/time"):
		rule = "datetime"
	case strings.HasPrefix(d.Message, "invalid value: "+id.ErrMalformed.Code()+": "+id.ErrMalformed.Message()):
		rule = "id"
	}
	if field == "" {
		field = place
	}
	return []fault.Field{{Field: clip(field), Rule: rule}}
}

// numberRule tells an integer that is too large from what is none.
func numberRule(v any) string {
	s, _ := v.(string)
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "type"
	}
	if digits != s {
		return "min"
	}
	return "max"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// clip bounds a field name that a stranger chose.
func clip(field string) string {
	if r := []rune(field); len(r) > 200 {
		return string(r[:200])
	}
	return field
}

// ruleError is an error of decoding that names the rule that was broken.
type ruleError string

func (r ruleError) Error() string { return mark + string(r) }

// ruleOf names the rule behind an error of decoding a value of type t.
func ruleOf(err error, t reflect.Type, raw []byte) string {
	var rule ruleError
	var f *fault.Error
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &rule):
		return string(rule)
	case errors.As(err, &f) && len(f.Fields()) > 0:
		return f.Fields()[0].Rule
	case f != nil && f.Message() == id.ErrMalformed.Message(): // its code is that of all faults of form
		return "id"
	case f != nil && f.Message() == money.ErrAmount.Message():
		return "money"
	case t == timeType:
		return "datetime"
	case errors.As(err, &wrong):
		if strings.HasPrefix(wrong.Value, "number") {
			return numberRule(string(raw))
		}
		return "type"
	}
	return "format"
}
