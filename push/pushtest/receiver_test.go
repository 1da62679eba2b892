package pushtest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push/pushtest"
	"github.com/openinsure/openinsure/push/webhook/sign"
)

var noon = time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)

func receiver(t *testing.T, c pushtest.ReceiverConfig) (*pushtest.Receiver, *http.Client) {
	t.Helper()
	r, err := pushtest.NewReceiver(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: r.RootCAs()}, ForceAttemptHTTP2: c.HTTP2, DisableCompression: true,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return r, &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// An answer is one that was read, or as much of it as came.
type answer struct {
	Status, Proto int
	Header        http.Header
	Body          []byte
}

func post(ctx context.Context, c *http.Client, url, body string, h http.Header) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header = h.Clone()
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer{resp.StatusCode, resp.ProtoMajor, resp.Header, got}, err
}

func signed(t *testing.T, secret, id, body string) http.Header {
	t.Helper()
	h, err := sign.Headers([]string{secret}, id, noon, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestReceiverChecksWhatComes(t *testing.T) {
	secret := sign.NewSecret()
	var heard []pushtest.Request
	r, c := receiver(t, pushtest.ReceiverConfig{
		Secret: secret, Now: func() time.Time { return noon }, Heard: func(q pushtest.Request) { heard = append(heard, q) }, Keep: 3,
	})
	send := func(body string, h http.Header) pushtest.Request {
		t.Helper()
		got, err := post(t.Context(), c, r.URL()+"/hook", body, h)
		if err != nil || got.Status != 200 {
			t.Fatalf("%+v, %v", got, err)
		}
		all := r.Requests()
		return all[len(all)-1]
	}
	good := signed(t, secret, "evt_1", "{}")
	if q := send("{}", good); q.Unsigned != nil || q.Duplicate || q.ID != "evt_1" || !q.At.Equal(noon) || string(q.Body) != "{}" || q.Path != "/hook" {
		t.Errorf("a good one: %+v", q)
	}
	if q := send("{}", good); q.Unsigned != nil || !q.Duplicate {
		t.Errorf("the same again: %+v", q)
	}
	if q := send("[]", good); !errors.Is(q.Unsigned, sign.ErrMismatch) {
		t.Errorf("another body: %v", q.Unsigned)
	}
	plainless := good.Clone()
	plainless.Del(sign.Plain)
	if q := send("{}", plainless); !errors.Is(q.Unsigned, sign.ErrMissing) {
		t.Errorf("without the plain signature: %v", q.Unsigned)
	}
	other := sign.NewSecret()
	r.SetSecret(other)
	if q := send("{}", good); !errors.Is(q.Unsigned, sign.ErrMismatch) {
		t.Errorf("after the secret changed: %v", q.Unsigned)
	}
	if q := send("{}", signed(t, other, "evt_2", "{}")); q.Unsigned != nil || q.Duplicate {
		t.Errorf("with the new one: %+v", q)
	}
	if got := r.Times(); got["evt_1"] != 5 || got["evt_2"] != 1 {
		t.Errorf("times = %v, want 5 and 1", got)
	}
	if len(r.Requests()) != 3 || r.Total() != 6 || len(heard) != 6 || !heard[1].Duplicate {
		t.Errorf("%d kept, %d in all, %d heard; want 3, 6, 6", len(r.Requests()), r.Total(), len(heard))
	}
}

func TestReceiverModes(t *testing.T) {
	for _, proto := range []pushtest.ReceiverConfig{{}, {TLS: true}, {TLS: true, HTTP2: true}} {
		name := "http"
		if proto.TLS {
			name = "https"
		}
		if proto.HTTP2 {
			name = "HTTP/2"
		}
		t.Run(name, func(t *testing.T) {
			proto.Tick = time.Millisecond
			r, c := receiver(t, proto)
			patience := 20 * time.Second
			ask := func() (answer, error) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				return post(ctx, c, r.URL(), "{}", nil)
			}
			if got, err := ask(); err != nil || got.Status != 200 || string(got.Body) != "ok\n" || (got.Proto == 2) != proto.HTTP2 {
				t.Errorf("at first: %+v %v", got, err)
			}
			r.Status(503, "7")
			if got, err := ask(); err != nil || got.Status != 503 || got.Header.Get("Retry-After") != "7" {
				t.Errorf("status: %+v %v", got, err)
			}
			r.Redirect("http://127.0.0.1:1/")
			if got, err := ask(); err != nil || got.Status != 307 || got.Header.Get("Location") != "http://127.0.0.1:1/" {
				t.Errorf("redirect: %+v %v", got, err)
			}
			r.Huge(300_000)
			if got, err := ask(); err != nil || len(got.Body) != 300_000 {
				t.Errorf("huge: %d bytes, %v", len(got.Body), err)
			}
			r.GzipBomb(3 << 20)
			got, err := ask()
			if err != nil || got.Header.Get("Content-Encoding") != "gzip" || len(got.Body) > 10<<10 {
				t.Errorf("gzip bomb: %d bytes, %v", len(got.Body), err)
			}
			if z, err := gzip.NewReader(bytes.NewReader(got.Body)); err != nil {
				t.Error(err)
			} else if n, err := io.Copy(io.Discard, z); n != 3<<20 || err != nil {
				t.Errorf("gzip bomb unpacks to %d bytes, %v", n, err)
			}
			patience = 100 * time.Millisecond
			r.Hang()
			if _, err := ask(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("hang: %v", err)
			}
			r.Drip()
			if got, err := ask(); !errors.Is(err, context.DeadlineExceeded) || got.Status != 200 || len(got.Body) < 2 {
				t.Errorf("drip: %q %v", got.Body, err)
			}
			r.DripHeaders()
			if _, err := ask(); err == nil || errors.Is(err, context.DeadlineExceeded) == proto.HTTP2 {
				t.Errorf("drip headers: %v", err)
			}
			patience = 20 * time.Second
			r.Refuse()
			before := r.Total()
			if _, err := ask(); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("refuse: %v", err)
			}
			c.CloseIdleConnections()
			if _, err := ask(); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("refuse, on a new connection: %v", err)
			}
			if got := r.Total() - before; got > 1 {
				t.Errorf("refuse let %d requests in, want only one on the open connection", got)
			}
			r.BadTLS()
			c.CloseIdleConnections()
			_, err = ask()
			if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad != proto.TLS {
				t.Errorf("bad TLS: %v", err)
			}
			r.OK()
			c.CloseIdleConnections()
			if got, err := ask(); err != nil || got.Status != 200 {
				t.Errorf("at last: %v", err)
			}
		})
	}
}

func TestReceiverWaits(t *testing.T) {
	r, c := receiver(t, pushtest.ReceiverConfig{})
	waited := make(chan error, 1)
	go func() { waited <- r.Wait(t.Context(), 2) }()
	for range 2 {
		if _, err := post(t.Context(), c, r.URL(), "{}", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Wait(ctx, 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want a timeout", err)
	}
	go func() { waited <- r.Wait(t.Context(), 3) }()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waited; err == nil {
		t.Error("a closed receiver still says that more came")
	}
}

func TestReceiverClosesInTheMiddle(t *testing.T) {
	for name, mode := range map[string]func(*pushtest.Receiver){
		"hang": (*pushtest.Receiver).Hang, "drip": (*pushtest.Receiver).Drip, "drip headers": (*pushtest.Receiver).DripHeaders,
	} {
		t.Run(name, func(t *testing.T) {
			r, c := receiver(t, pushtest.ReceiverConfig{})
			mode(r)
			ended := make(chan error, 1)
			go func() {
				_, err := post(t.Context(), c, r.URL(), "{}", nil)
				ended <- err
			}()
			if err := r.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; err == nil {
				t.Error("the answer came to a good end")
			}
		})
	}
}

func TestDNS(t *testing.T) {
	many := make([]netip.Addr, 100) // more than a datagram holds
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
	}
	d, err := pushtest.NewDNS(func(name string, n int) []netip.Addr {
		switch name {
		case "rebinds.test":
			return []netip.Addr{netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}), netip.MustParseAddr("::1")}
		case "many.test":
			return many
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := d.Resolver()
	for _, want := range []string{"198.51.100.1", "198.51.100.2"} {
		got, err := r.LookupNetIP(t.Context(), "ip", "rebinds.test.")
		if err != nil || len(got) != 2 || (got[0].String() != want && got[1].String() != want) {
			t.Errorf("got %v, %v; want %s and ::1", got, err, want)
		}
	}
	if n := d.Asked("rebinds.test"); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	if got, err := r.LookupNetIP(t.Context(), "ip4", "many.test."); err != nil || len(got) != 100 {
		t.Errorf("got %d addresses, %v; want 100, over TCP", len(got), err)
	}
	if _, err := r.LookupNetIP(t.Context(), "ip", "none.test."); err == nil {
		t.Error("a name that does not exist has an address")
	}
}
