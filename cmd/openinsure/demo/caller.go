package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// callTime is how long an operation may take to answer.
const callTime = 20 * time.Second

// A caller makes requests to one node with one credential.
type caller struct {
	base  string
	token string // empty: nobody
}

// A refusal is an answer other than success.
type refusal struct {
	Status  int
	Code    string `json:"error"`
	Message string `json:"message"`
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Message) }

// call makes a request and reads its answer, which may be nil. The header that
// came is returned also with a refusal.
func (c caller) call(ctx context.Context, method, path string, body, answer any, header ...string) (http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("the server did not answer in time"))
	defer cancel()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base, "/")+path, in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		no := &refusal{Status: res.StatusCode}
		_ = json.Unmarshal(b, no) // a proxy may answer in its own way
		return res.Header, fmt.Errorf("%s %s: %w", method, path, no)
	}
	if answer == nil {
		return res.Header, nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return res.Header, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return res.Header, nil
}

func (c caller) post(ctx context.Context, path string, body, answer any) error {
	_, err := c.call(ctx, http.MethodPost, path, body, answer)
	return err
}

func (c caller) get(ctx context.Context, path string, answer any) error {
	_, err := c.call(ctx, http.MethodGet, path, nil, answer)
	return err
}
