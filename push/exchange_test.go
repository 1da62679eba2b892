package push_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push"
)

// answers is a provider without a network.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// ask makes a request, and returns what the caller reads of the answer.
func ask(t *testing.T, a answers, now time.Time) (*push.Exchange, []byte, error) {
	t.Helper()
	ctx, x := push.WithExchange(t.Context(), func() time.Time { return now })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://provider.example/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "bearer secret")
	resp, err := push.RoundTrip(a, req)
	if err != nil {
		return x, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return x, body, err
}

func answer(h http.Header, body io.Reader) answers {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Header: h, Body: io.NopCloser(body)}, nil
	}
}

func TestExchangeKeepsWhatALogNeedsAndNoMore(t *testing.T) {
	h := http.Header{"A": {"1"}, "Big": {strings.Repeat("x", 5000)}, "C": {"3"}}
	x, body, err := ask(t, answer(h, bytes.NewReader(make([]byte, 1<<20))), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(body) != 16<<10 {
		t.Errorf("the caller reads %d bytes, want the first 16 KiB", len(body))
	}
	r := x.Result(push.Retry, push.ClassStatus, strings.Repeat("é", 600))
	if n := len([]rune(r.Detail)); n != 500 {
		t.Errorf("detail has %d characters, want 500", n)
	}
	if len(r.ResponseBody) != 16<<10 || len(r.ResponseHeader) != 1 || r.ResponseHeader.Get("A") != "1" {
		t.Errorf("kept %d bytes and header %v, want 16 KiB and what fits 4 KiB", len(r.ResponseBody), r.ResponseHeader)
	}
	if r.Code != http.StatusTooManyRequests || r.RequestHeader.Get("Authorization") != "" {
		t.Errorf("result = %+v, want the status and no secret", r)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "30": 30 * time.Second, "soon": 0, "1.5": 0, "999999999999": 0, "90000": 24 * time.Hour,
		"Mon, 02 Mar 2026 12:01:00 GMT": time.Minute, "Mon, 02 Mar 2026 11:00:00 GMT": 0, "Mon, 02 Mar 2099 11:00:00 GMT": 24 * time.Hour,
	} {
		x, _, err := ask(t, answer(http.Header{"Retry-After": {header}}, http.NoBody), now)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.RetryAfter(); got != want {
			t.Errorf("RetryAfter of %q = %v, want %v", header, got, want)
		}
	}
}

func TestLossesAreClassed(t *testing.T) {
	broken := errors.New("read tcp 10.0.0.7:4711->17.188.1.1:443: connection reset by peer")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"broken", broken, push.ClassConnect},
		{"late", context.DeadlineExceeded, push.ClassTimeout},
		{"given up", context.Canceled, push.ClassTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x, _, err := ask(t, func(*http.Request) (*http.Response, error) { return nil, tt.err }, time.Now())
			if !errors.Is(err, tt.err) || !errors.Is(x.Err(), tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			if r := x.Lost(err); r.Outcome != push.Retry || r.Class != tt.want || r.Detail == "" || strings.Contains(r.Detail, "10.0.0.7") {
				t.Errorf("result = %+v, want retry for %s without addresses", r, tt.want)
			}
		})
	}
}

func TestAnAnswerThatBreaksOffIsNone(t *testing.T) {
	body := io.MultiReader(strings.NewReader("{"), breaksOff{})
	x, _, err := ask(t, answer(http.Header{}, body), time.Now())
	if !errors.Is(err, io.ErrUnexpectedEOF) || x.Status() != 0 || x.Err() == nil {
		t.Errorf("err = %v, status = %d, want none of the answer", err, x.Status())
	}
}

type breaksOff struct{}

func (breaksOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
