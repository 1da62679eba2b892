package pushtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openinsure/openinsure/push/webhook/sign"
)

// receiverBody is how much of a request is read; no event is as large.
const receiverBody = 4 << 20

// A ReceiverConfig says what a Receiver is like. Its zero value listens to plain
// HTTP on a port of its own.
type ReceiverConfig struct {
	Addr   string           // to listen at; empty is 127.0.0.1 and a free port
	TLS    bool             // https, with a certificate of the receiver's own CA
	HTTP2  bool             // offered too, where TLS is
	Names  []string         // that the certificate is for, besides 127.0.0.1, ::1 and localhost
	Secret string           // that requests are signed with; SetSecret changes it
	Heard  func(Request)    // told of every request before it is answered; nil is nobody
	Tick   time.Duration    // between two bytes of a drip; 1 s
	Keep   int              // requests kept for Requests, the newest; 10,000
	Now    func() time.Time // nil is time.Now
}

// A Request is one that came.
type Request struct {
	At        time.Time
	Method    string
	Path      string
	Proto     string // HTTP/1.1 or HTTP/2.0
	Header    http.Header
	Body      []byte
	ID        string // of the event: webhook-id
	Unsigned  error  // why a signature was refused; nil when both are good
	Duplicate bool   // the same ID came before
}

// A Receiver is an integrator's server. It remembers what came and checks its
// signatures, and answers well until told otherwise; what it was told counts
// from the next request on.
type Receiver struct {
	cfg      ReceiverConfig
	listener net.Listener
	server   *http.Server
	ca       *authority
	stop     chan struct{} // closed by Close
	running  sync.WaitGroup

	mu          sync.Mutex
	mode        mode
	secret      string
	requests    []Request
	total       int
	connections int
	ids         map[string]int // how often each came, for the life of the receiver
	came        chan struct{}  // closed and replaced with every request
	closed      bool
}

// NewReceiver starts a receiver.
func NewReceiver(c ReceiverConfig) (*Receiver, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.Tick = cmp.Or(c.Tick, time.Second)
	c.Keep = cmp.Or(c.Keep, 10_000)
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Receiver{
		cfg: c, secret: c.Secret, mode: modeOK, stop: make(chan struct{}), ids: map[string]int{}, came: make(chan struct{}),
	}
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes that fail are what it is for
		Protocols:         new(http.Protocols),
	}
	r.server.Protocols.SetHTTP1(true)
	r.server.Protocols.SetHTTP2(c.HTTP2)
	if c.TLS {
		ca, err := newAuthority("Receiver", c.Names...)
		if err != nil {
			return nil, fmt.Errorf("make the receiver's certificates: %w", err)
		}
		r.ca = ca
		r.server.TLSConfig = &tls.Config{GetCertificate: r.certificate, MinVersion: tls.VersionTLS12}
	}
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	r.listener = &door{Listener: l, receiver: r}
	r.running.Go(func() {
		// The error is Close's doing.
		if c.TLS {
			_ = r.server.ServeTLS(r.listener, "", "")
		} else {
			_ = r.server.Serve(r.listener)
		}
	})
	return r, nil
}

// URL returns the receiver's address, without a path.
func (r *Receiver) URL() string {
	if r.cfg.TLS {
		return "https://" + r.listener.Addr().String()
	}
	return "http://" + r.listener.Addr().String()
}

// Addr returns where the receiver listens.
func (r *Receiver) Addr() *net.TCPAddr { return r.listener.Addr().(*net.TCPAddr) }

// RootCAs returns who vouches for the receiver; empty without TLS.
func (r *Receiver) RootCAs() *x509.CertPool {
	if r.ca == nil {
		return x509.NewCertPool()
	}
	return r.ca.roots
}

// SetSecret says what requests are signed with from now on.
func (r *Receiver) SetSecret(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = secret
}

// Requests returns what came, the oldest first.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Total returns how many requests came, kept or not.
func (r *Receiver) Total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// Times returns how often each event came, by id; a duplicate is one that came
// more than once.
func (r *Receiver) Times() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.ids)
}

// Connections returns how many connections were made, refused ones included.
func (r *Receiver) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connections
}

// Wait returns once n requests have come in all.
func (r *Receiver) Wait(ctx context.Context, n int) error {
	for {
		r.mu.Lock()
		total, came := r.total, r.came
		r.mu.Unlock()
		if total >= n {
			return nil
		}
		select {
		case <-came:
		case <-r.stop:
			return errors.New("the receiver was closed")
		case <-ctx.Done():
			return fmt.Errorf("%d of %d requests came: %w", total, n, context.Cause(ctx))
		}
	}
}

// Close ends the receiver and every connection to it, in the middle of an answer
// too.
func (r *Receiver) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.stop)
	r.mu.Unlock()
	err := r.server.Close()
	r.running.Wait()
	return err
}

// begin counts a request in, unless the receiver is closed: what it waits for
// must not grow while it waits.
func (r *Receiver) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.running.Add(1)
	}
	return !r.closed
}

func (r *Receiver) serve(w http.ResponseWriter, q *http.Request) {
	if !r.begin() {
		panic(http.ErrAbortHandler)
	}
	defer r.running.Done()
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, receiverBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	came := Request{
		At: r.cfg.Now(), Method: q.Method, Path: q.URL.Path, Proto: q.Proto, Header: q.Header.Clone(), Body: body, ID: q.Header.Get(sign.ID),
	}
	came.Unsigned = r.check(came)
	came, mode := r.record(came)
	if r.cfg.Heard != nil {
		r.cfg.Heard(came)
	}
	mode.answer(r, w, q)
}

func (r *Receiver) check(q Request) error {
	r.mu.Lock()
	secret := r.secret
	r.mu.Unlock()
	if err := sign.Verify(secret, q.Header, q.Body, q.At, sign.Tolerance); err != nil {
		return err
	}
	return sign.VerifyPlain(secret, q.Header, q.Body)
}

func (r *Receiver) record(q Request) (Request, mode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.Duplicate = q.ID != "" && r.ids[q.ID] > 0
	if q.ID != "" {
		r.ids[q.ID]++
	}
	if len(r.requests) == r.cfg.Keep {
		r.requests = slices.Delete(r.requests, 0, 1)
	}
	r.requests = append(r.requests, q)
	r.total++
	close(r.came)
	r.came = make(chan struct{})
	return q, r.mode
}

// A door counts who comes in, and throws out at once whom Refuse means.
type door struct {
	net.Listener
	receiver *Receiver
}

func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.receiver.mu.Lock()
		d.receiver.connections++
		refuse := d.receiver.mode.refuse
		d.receiver.mu.Unlock()
		if !refuse {
			return c, nil
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an end
		}
		_ = c.Close()
	}
}

func (r *Receiver) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mode.badTLS {
		return &r.ca.bad, nil
	}
	return &r.ca.cert, nil
}
