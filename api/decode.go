package api

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/fault"
)

const jsonType = "application/json"

var (
	timeType            = reflect.TypeFor[time.Time]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// jsonFormat reads bodies for huma: once into an any, which it validates, and
// once into the input. Both name each bad field, and the input has what all the
// others say, so that they can be looked at, too.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		b, err := marshal(v)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	},
	Unmarshal: func(b []byte, v any) error {
		if p, ok := v.(*any); ok {
			return decodeAny(b, p)
		}
		err := json.Unmarshal(b, v)
		if err == nil {
			return nil
		}
		to := reflect.ValueOf(v).Elem()
		to.SetZero()
		fields := fill(to, b, "")
		if len(fields) == 0 {
			fields = []fault.Field{{Field: "body", Rule: "type"}}
		}
		return fieldsError(fields)
	},
}

// fieldsError carries whole faults through huma, which passes only text on.
func fieldsError(fields []fault.Field) error {
	b, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return errors.New(fieldsMark + string(b))
}

// decodeAny reads JSON for validation: numbers as float64, those beyond it as
// infinite so that their bounds refuse them, texts without NUL, which Postgres
// cannot store.
func decodeAny(b []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fieldsError([]fault.Field{{Field: "body", Rule: "json"}})
	}
	var bad []fault.Field
	*into = normal(v, "", &bad)
	if len(bad) > 0 {
		// Maps are walked in any order.
		slices.SortFunc(bad, func(a, b fault.Field) int { return strings.Compare(a.Field, b.Field) })
		return fieldsError(bad)
	}
	return nil
}

func normal(v any, path string, bad *[]fault.Field) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := strconv.ParseFloat(string(v), 64) // infinite when out of range
		return f
	case string:
		if !sound(v) {
			*bad = append(*bad, fault.Field{Field: clip(path), Rule: "format"})
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i], path+"["+strconv.Itoa(i)+"]", bad)
		}
	case map[string]any:
		for k := range v {
			if !sound(k) {
				*bad = append(*bad, fault.Field{Field: clip(join(path, strings.ToValidUTF8(k, ""))), Rule: "format"})
			}
			v[k] = normal(v[k], join(path, k), bad)
		}
	}
	return v
}

// nulls names the fields of a body that are null where the document does not say
// that they may be, which huma lets pass where they may be left out. Whoever
// sends null means that there is to be nothing, and must not be told that it was
// done.
func nulls(r huma.Registry, s *huma.Schema, body []byte) []fault.Field {
	var v any
	if s == nil || !bytes.Contains(body, []byte("null")) || json.Unmarshal(body, &v) != nil {
		return nil
	}
	var bad []fault.Field
	nullsOf(r, s, v, "", &bad)
	slices.SortFunc(bad, func(a, b fault.Field) int { return strings.Compare(a.Field, b.Field) })
	return bad[:min(len(bad), mostFaults+1)]
}

func nullsOf(r huma.Registry, s *huma.Schema, v any, path string, bad *[]fault.Field) {
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	switch v := v.(type) {
	case nil:
		if path != "" && s.Type != "" && !s.Nullable {
			*bad = append(*bad, fault.Field{Field: clip(path), Rule: "type"})
		}
	case []any:
		if s.Items != nil {
			for i := range v {
				nullsOf(r, s.Items, v[i], path+"["+strconv.Itoa(i)+"]", bad)
			}
		}
	case map[string]any:
		for name, of := range s.Properties {
			if member, sent := v[name]; sent {
				nullsOf(r, of, member, join(path, name), bad)
			}
		}
		if rest, ok := s.AdditionalProperties.(*huma.Schema); ok {
			for name, member := range v {
				if s.Properties[name] == nil {
					nullsOf(r, rest, member, join(path, name), bad)
				}
			}
		}
	}
}

// fill reads raw into v as far as it can be read, and names the fields that
// cannot, which stay zero. encoding/json names the field only of some errors, and
// only of the first, and reads nothing after it.
func fill(v reflect.Value, raw []byte, path string) []fault.Field {
	if string(bytes.TrimSpace(raw)) == "null" {
		return nil
	}
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	t := v.Type()
	whole := reflect.PointerTo(t).Implements(unmarshalerType) || reflect.PointerTo(t).Implements(textUnmarshalerType)
	var fields []fault.Field
	switch {
	case whole:
	case t.Kind() == reflect.Struct:
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) == nil {
			for _, f := range reflect.VisibleFields(t) {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if !f.IsExported() || f.Anonymous && name == "" || name == "-" {
					continue
				}
				if name == "" {
					name = f.Name
				}
				if m, ok := members[name]; ok {
					fields = append(fields, fill(v.FieldByIndex(f.Index), m, join(path, name))...)
				}
			}
			return fields
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			v.Set(reflect.MakeSlice(t, len(items), len(items)))
			for i, item := range items {
				fields = append(fields, fill(v.Index(i), item, path+"["+strconv.Itoa(i)+"]")...)
			}
			return fields
		}
	case t.Kind() == reflect.Map:
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) == nil {
			v.Set(reflect.MakeMapWithSize(t, len(members)))
			for k, m := range members {
				one := reflect.New(t.Elem()).Elem()
				fields = append(fields, fill(one, m, join(path, k))...)
				v.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), one)
			}
			return fields
		}
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		v.SetZero()
		if path == "" {
			path = "body"
		}
		return []fault.Field{{Field: clip(path), Rule: ruleOf(err, t, raw)}}
	}
	return nil
}
