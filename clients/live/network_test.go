package live_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
)

// cutting is a stretch of network in front of a server that breaks each
// connection after some random number of bytes, in the middle of whatever is
// said.
func cutting(t *testing.T, target string, least, most int64) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	over, end := context.WithCancel(context.Background())
	carry := func(to, from net.Conn) {
		defer context.AfterFunc(over, func() { _ = from.Close() })()
		_, _ = io.CopyN(to, from, least+rand.Int64N(most-least)) // a shorter copy is as good an end
		_, _ = to.Close(), from.Close()
	}
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", u.Host)
			if err != nil {
				_ = in.Close()
				continue
			}
			work.Go(func() { carry(in, out) })
			work.Go(func() { carry(out, in) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); end(); work.Wait() })
	return "http://" + l.Addr().String()
}

// mangling is a server that forwards sockets to another one, but drops,
// doubles and holds back entries on their way to the client: what a server must
// never do. It stops after a thousand, so that what is missing shows.
func mangling(t *testing.T, target string) string {
	t.Helper()
	var mangled atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		out, _, err := websocket.Dial(ctx, target+r.URL.RequestURI(), &websocket.DialOptions{ //nolint:bodyclose // the library's
			HTTPHeader: http.Header{"Authorization": r.Header["Authorization"]}, Subprotocols: []string{"openinsure.v1.json"},
		})
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = out.CloseNow() }()
		in, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"openinsure.v1.json"}})
		if err != nil {
			return
		}
		defer func() { _ = in.CloseNow() }()
		out.SetReadLimit(-1)
		var work sync.WaitGroup
		defer work.Wait()
		defer cancel()
		work.Go(func() {
			defer cancel()
			for {
				_, data, err := in.Read(ctx)
				if err != nil || out.Write(ctx, websocket.MessageText, data) != nil {
					return
				}
			}
		})
		var held [][]byte
		for {
			_, data, err := out.Read(ctx)
			if err != nil {
				return
			}
			for line := range bytes.SplitSeq(data, []byte("\n")) {
				frames := [][]byte{line}
				if bytes.HasPrefix(line, []byte(`{"type":"entry"`)) && mangled.Add(1) < 1000 {
					switch rand.IntN(20) {
					case 0:
						frames = nil
					case 1:
						frames = [][]byte{line, line}
					case 2:
						frames, held = nil, append(held, line)
					}
				}
				if len(frames) > 0 {
					frames, held = append(frames, held...), nil
				}
				for _, f := range frames {
					if in.Write(ctx, websocket.MessageText, f) != nil {
						return
					}
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// script serves one socket after the other by hand.
func script(t *testing.T, play func(ctx context.Context, c *websocket.Conn)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"openinsure.v1.json"}})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		play(r.Context(), c)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func write(ctx context.Context, c *websocket.Conn, frames ...string) {
	_ = c.Write(ctx, websocket.MessageText, []byte(strings.Join(frames, "\n"))) // a client that left hears nothing
}
