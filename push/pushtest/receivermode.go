package pushtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A mode is how a Receiver behaves.
type mode struct {
	answer func(r *Receiver, w http.ResponseWriter, q *http.Request)
	refuse bool // connections are reset as they come
	badTLS bool // the certificate is somebody else's
}

var (
	modeOK    = mode{answer: func(_ *Receiver, w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }}
	modeAbort = func(*Receiver, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
)

func (r *Receiver) set(m mode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode = m
}

// OK answers 200 from now on.
func (r *Receiver) OK() { r.set(modeOK) }

// Status answers with a status; retryAfter is the header, in seconds or as a
// date, and left out when empty.
func (r *Receiver) Status(code int, retryAfter string) {
	r.set(mode{answer: func(_ *Receiver, w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}})
}

// Redirect answers 307 to another address: whoever follows it posts the same
// body there.
func (r *Receiver) Redirect(to string) {
	r.set(mode{answer: func(_ *Receiver, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}})
}

// Hang reads the request and never answers.
func (r *Receiver) Hang() {
	r.set(mode{answer: func(r *Receiver, _ http.ResponseWriter, q *http.Request) {
		select {
		case <-q.Context().Done():
		case <-r.stop:
		}
		panic(http.ErrAbortHandler) // returning would be an answer
	}})
}

// Drip answers 200 at once and then a body that never ends, a byte a tick.
func (r *Receiver) Drip() {
	r.set(mode{answer: func(r *Receiver, w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(http.StatusOK)
		r.drip(q.Context().Done(), func() error {
			if _, err := w.Write([]byte(".")); err != nil {
				return err
			}
			return http.NewResponseController(w).Flush()
		})
		panic(http.ErrAbortHandler) // returning would end the body well
	}})
}

// DripHeaders answers with a head that never ends, a byte a tick. Over HTTP/2 it
// closes the stream instead: a head comes in one piece there.
func (r *Receiver) DripHeaders() {
	r.set(mode{answer: func(r *Receiver, w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer c.Close()
		if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nX-Drip: ")); err != nil {
			return
		}
		r.drip(nil, func() error {
			_, err := c.Write([]byte("."))
			return err
		})
	}})
}

// drip does one every tick until it fails, or somebody has had enough.
func (r *Receiver) drip(gone <-chan struct{}, one func() error) {
	tick := time.NewTicker(r.cfg.Tick)
	defer tick.Stop()
	for one() == nil {
		select {
		case <-tick.C:
		case <-gone:
			return
		case <-r.stop:
			return
		}
	}
}

// Refuse resets every connection: new ones before they can say anything, those
// that are open with their next request.
func (r *Receiver) Refuse() { r.set(mode{answer: modeAbort, refuse: true}) }

// BadTLS shows the certificate of another name, signed by nobody. Connections
// that are open end with their next request.
func (r *Receiver) BadTLS() { r.set(mode{answer: modeAbort, badTLS: true}) }

// Huge answers 200 and a body of n bytes, as fast as they are taken.
func (r *Receiver) Huge(n int64) {
	r.set(mode{answer: func(_ *Receiver, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		chunk := make([]byte, 64<<10)
		for n := n; n > 0; n -= int64(len(chunk)) {
			if _, err := w.Write(chunk[:min(n, int64(len(chunk)))]); err != nil {
				return
			}
		}
	}})
}

// GzipBomb answers 200 and a small gzip file that unpacks to n zeros, rounded up
// to whole mebibytes. It is one member a mebibyte, one after the other, so that
// the receiver itself need not pack it all.
func (r *Receiver) GzipBomb(n int64) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, 1<<20)) // a buffer takes everything
	_ = z.Close()
	r.set(mode{answer: func(_ *Receiver, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		for n := n; n > 0; n -= 1 << 20 {
			if _, err := w.Write(member.Bytes()); err != nil {
				return
			}
		}
	}})
}
