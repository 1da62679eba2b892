package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/openinsure/openinsure/push"
)

// ErrPayload is a payload that is not an event's envelope.
var ErrPayload = errors.New("the payload is no envelope")

// Body returns the bytes that are signed and sent: the payload as it was frozen,
// or what Thin makes of it where the endpoint wants that. They are the same in
// every attempt.
func Body(d push.Delivery) ([]byte, error) {
	if d.Endpoint.Thin {
		return Thin(d.Payload)
	}
	return d.Payload, nil
}

// Thin reduces an event's envelope to ids: the envelope stays as it is, and of
// data only those members stay that are texts and whose name ends in Id. Whoever
// receives it asks for the rest with his own rights.
//
// This is version 1, and for a payload its bytes never change, members in the
// order in which they stand there. Another form is another function, and an
// endpoint's choice: attempts at one delivery must not differ.
func Thin(payload []byte) ([]byte, error) {
	found := false
	thin, err := object(payload, func(out *bytes.Buffer, name string, value json.RawMessage) error {
		if name == "data" {
			found = true
			ids, err := object(value, id)
			if err != nil {
				return err
			}
			value = ids
		}
		return member(out, name, value)
	})
	if err == nil && !found {
		err = errors.New("no data")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return thin, nil
}

func id(out *bytes.Buffer, name string, value json.RawMessage) error {
	if !strings.HasSuffix(name, "Id") || value[0] != '"' {
		return nil
	}
	return member(out, name, value)
}

// object writes a JSON object anew, from what each does with its members, in
// their order.
func object(raw []byte, each func(*bytes.Buffer, string, json.RawMessage) error) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if err := each(&out, name.(string), value); err != nil { // a name always is
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows")
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func member(out *bytes.Buffer, name string, value json.RawMessage) error {
	key, err := json.Marshal(name)
	if err != nil {
		return err
	}
	if out.Len() > 1 {
		out.WriteByte(',')
	}
	out.Write(key)
	out.WriteByte(':')
	out.Write(value)
	return nil
}
