package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/fault"
)

// found is what a huma.Resolver returns of the rules that its schema cannot say
// and no use case knows: that a field goes with another, that a list holds nothing
// twice. Whoever sent the request learns of them together with what the schema has
// found.
//
// Of a field that was not sent there is nothing to say but that it is required.
func found(ctx huma.Context, errs ...error) []error {
	var out []error
	for _, f := range about(ctx, errs, true) {
		out = append(out, f)
	}
	return out
}

// foreseen is found for rules that the use case checks itself, at its time and by
// what is stored: dates in the wrong order, limits that contradict each other. They
// are told now when the schema has something to say, so that nothing is left to be
// told after that.
func foreseen(ctx huma.Context, errs ...error) []error {
	st := stateOf(ctx.Context())
	st.foreseen = append(st.foreseen, about(ctx, errs, true)...)
	return nil
}

// foreseenOfChange is foreseen for a change, which need not say everything: of a
// field that was not sent there is nothing to say.
func foreseenOfChange(ctx huma.Context, errs ...error) []error {
	st := stateOf(ctx.Context())
	st.foreseen = append(st.foreseen, about(ctx, errs, false)...)
	return nil
}

// about is what errs say of the form of what was sent, and, of a whole thing, of
// what is missing in it.
func about(ctx huma.Context, errs []error, whole bool) []*fault.Error {
	st := stateOf(ctx.Context())
	sent, ok := st.sent()
	if !ok {
		return nil // no object: that is said already
	}
	var out []*fault.Error
	for _, err := range errs {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind() != fault.Invalid {
			continue
		}
		all := f.Fields()
		said := slices.DeleteFunc(slices.Clone(all), func(b fault.Field) bool {
			_, is := sent[b.Top()]
			return sent != nil && !is && (b.Rule != "required" || !whole)
		})
		switch {
		case len(said) == 0:
		case len(said) == len(all):
			out = append(out, f)
		default:
			out = append(out, fault.ErrValidation.Blame(said...))
		}
	}
	return out
}

// excess reports what the operation does not read of the request.
func (st *state) excess() error {
	if len(st.needless) == 0 {
		return nil
	}
	return humaFault(http.StatusBadRequest, "", nil, st)
}

// sent are the fields of the request's body, of which some may not be readable;
// none when there is no body, and false when it is no object.
func (st *state) sent() (fields map[string]json.RawMessage, ok bool) {
	ok = st.body == nil || json.Unmarshal(st.body, &fields) == nil
	return fields, ok
}

// within reports whether a path is that of a field, or of something in it.
func within(path, field string) bool {
	rest, ok := strings.CutPrefix(path, field)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// mostFaults is how many things that are wrong an answer lists.
const mostFaults = 100

// besides adds to what is wrong with a request what is wrong with fields of which
// nothing was said before: a value that is out of bounds need not be told as well to
// be in the wrong order. What should not be there at all is told in any case. One
// more than an answer lists is enough to know.
func besides(c, more fault.Complaints) fault.Complaints {
	before := c
	for _, f := range more {
		if len(c) > mostFaults {
			break
		}
		if !slices.Contains(c, f) && (f.Rule == "unexpected" || !slices.ContainsFunc(before, func(b fault.Field) bool { return within(f.Field, b.Field) })) {
			c = append(c, f)
		}
	}
	return c
}

// unreadable names the fields of the request's body that could not be read into
// the operation's input; huma tells of them only when the schema has nothing to
// say.
func (st *state) unreadable() []fault.Field {
	if st.body == nil || st.bodyType == nil {
		return nil
	}
	return fill(reflect.New(st.bodyType).Elem(), st.body, "")
}
