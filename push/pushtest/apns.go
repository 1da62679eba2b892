package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// APNsConfig says what kind of APNs a fake is. The zero value takes pushes for
// one app.
type APNsConfig struct {
	KeyID  string           // default ABC123DEFG
	TeamID string           // default DEF123GHIJ
	Topics []string         // bundle ids that the team may push to; default com.openinsure.portal
	Now    func() time.Time // default time.Now
}

// APNs is Apple's push service on loopback, with a production and a sandbox
// host. It speaks HTTP/2 over TLS with a certificate of its own authority,
// checks the provider token and every header as Apple does, and keeps what it
// was sent.
type APNs struct {
	faults
	arrivals[APNsPush]

	cfg         APNsConfig
	authority   *authority
	keyPEM      []byte
	tokens      *providerTokens
	production  *server
	sandbox     *server
	requests    atomic.Int64
	uncollected atomic.Int64
}

// An APNsPush is one that a fake took for a phone.
type APNsPush struct {
	Host       string // Production or Sandbox
	Token      string
	ID         string // apns-id, as sent or made
	Topic      string
	Type       string
	Collapse   string
	Priority   string
	Expiration string
	Payload    []byte
	At         time.Time
	Repeat     int // how many with this apns-id came before it
}

// NewAPNs starts a fake APNs. Close ends it.
func NewAPNs(cfg APNsConfig) (*APNs, error) {
	if cfg.KeyID == "" {
		cfg.KeyID = "ABC123DEFG"
	}
	if cfg.TeamID == "" {
		cfg.TeamID = "DEF123GHIJ"
	}
	if cfg.Topics == nil {
		cfg.Topics = []string{"com.openinsure.portal"}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &APNs{cfg: cfg}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	a.keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	a.tokens = &providerTokens{key: &key.PublicKey, keyID: cfg.KeyID, teamID: cfg.TeamID, now: cfg.Now}
	if a.authority, err = newAuthority("APNs"); err != nil {
		return nil, fmt.Errorf("certificate of APNs: %w", err)
	}
	if a.production, err = serve(a.host(Production), &a.authority.cert); err != nil {
		return nil, err
	}
	if a.sandbox, err = serve(a.host(Sandbox), &a.authority.cert); err != nil {
		return nil, errors.Join(err, a.production.Close())
	}
	return a, nil
}

// Close hangs up on everybody and returns when nothing of the fake runs.
func (a *APNs) Close() error { return errors.Join(a.production.Close(), a.sandbox.Close()) }

// URL is the address of the production host.
func (a *APNs) URL() string { return "https://" + a.production.addr }

// SandboxURL is the address of the sandbox host.
func (a *APNs) SandboxURL() string { return "https://" + a.sandbox.addr }

// Roots trusts the authority of the fake's certificate.
func (a *APNs) Roots() *x509.CertPool { return a.authority.roots }

// RootsPEM is the certificate of that authority.
func (a *APNs) RootsPEM() []byte { return a.authority.pem }

// KeyPEM is the provider's key, a p8 file.
func (a *APNs) KeyPEM() []byte { return a.keyPEM }

// KeyID names the provider's key.
func (a *APNs) KeyID() string { return a.cfg.KeyID }

// TeamID names the provider.
func (a *APNs) TeamID() string { return a.cfg.TeamID }

// Topic is the bundle id of the app, the first one when there are more.
func (a *APNs) Topic() string { return a.cfg.Topics[0] }

// WriteFiles writes the provider's key and the certificate of the fake's
// authority into a folder, for a server in another process.
func (a *APNs) WriteFiles(dir string) (keyFile, rootsFile string, err error) {
	keyFile, rootsFile = filepath.Join(dir, "apns.p8"), filepath.Join(dir, "apns-roots.pem")
	err = errors.Join(os.WriteFile(keyFile, a.keyPEM, 0o600), os.WriteFile(rootsFile, a.authority.pem, 0o600))
	return keyFile, rootsFile, err
}

// Requests counts what came, refused or not.
func (a *APNs) Requests() int { return int(a.requests.Load()) }

// ProviderTokens counts the different ones that were good.
func (a *APNs) ProviderTokens() int { return a.tokens.count() }

// Connections counts those to both hosts that there were in all.
func (a *APNs) Connections() int { return int(a.production.opened.Load() + a.sandbox.opened.Load()) }

// host answers as one of the two hosts.
func (a *APNs) host(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.requests.Add(1)
		of := a.production
		if name == Sandbox {
			of = a.sandbox
		}
		push, refused := a.read(r)
		push.Host = name
		f, faulty := a.take(func(f *Fault) bool {
			return (f.Token == "" || f.Token == push.Token) && (f.Host == "" || f.Host == name)
		})
		w.Header().Set("apns-id", push.ID)
		if refused == nil && (!faulty || f.Kept || f.Status == 0 && !f.Hang && !f.Drop) {
			a.keep(push.ID, func(earlier int) APNsPush {
				push.Repeat = earlier
				return push
			})
		}
		switch {
		case faulty && f.Hang:
			of.hang(r)
			panic(http.ErrAbortHandler)
		case faulty && f.Drop:
			cut(r)
		}
		if faulty && f.Away {
			w.Header().Set("Connection", "close") // net/http's word for GOAWAY
		}
		if faulty && f.Status != 0 {
			f.answer(w)
		} else if refused != nil {
			refused.answer(w)
		}
	})
}

// answer writes a refusal as Apple does.
func (f Fault) answer(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.Status)
	if f.Body != "" || f.Reason == "" {
		_, _ = io.WriteString(w, f.Body)
		return
	}
	body := struct {
		Reason    string `json:"reason"`
		Timestamp int64  `json:"timestamp,omitempty"`
	}{Reason: f.Reason}
	if !f.Timestamp.IsZero() {
		body.Timestamp = f.Timestamp.UnixMilli()
	}
	_ = json.NewEncoder(w).Encode(body) // a client that left
}

func refuse(status int, reason string) *Fault { return &Fault{Status: status, Reason: reason} }

// read takes a request apart. The refusal is nil when nothing is wrong with it.
func (a *APNs) read(r *http.Request) (APNsPush, *Fault) {
	token, path := strings.CutPrefix(r.URL.Path, "/3/device/")
	h := r.Header
	p := APNsPush{
		Token: token, ID: h.Get("apns-id"), Topic: h.Get("apns-topic"), Type: h.Get("apns-push-type"), Collapse: h.Get("apns-collapse-id"),
		Priority: h.Get("apns-priority"), Expiration: h.Get("apns-expiration"), At: a.cfg.Now(),
	}
	if p.ID == "" {
		p.ID = fmt.Sprintf("00000000-0000-4000-8000-%012X", a.uncollected.Add(1))
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if p.Payload = payload; err != nil {
		return p, refuse(http.StatusBadRequest, "IdleTimeout")
	}
	if f := a.tokens.check(h.Get("authorization")); f != nil {
		return p, f
	}
	switch {
	case r.Method != http.MethodPost:
		return p, refuse(http.StatusMethodNotAllowed, "MethodNotAllowed")
	case !path:
		return p, refuse(http.StatusNotFound, "BadPath")
	case token == "":
		return p, refuse(http.StatusBadRequest, "MissingDeviceToken")
	}
	if f := a.checkHeaders(p, h); f != nil {
		return p, f
	}
	return p, checkPayload(payload)
}

func (a *APNs) checkHeaders(p APNsPush, h http.Header) *Fault {
	_, expires := strconv.ParseInt(p.Expiration, 10, 64)
	wrong := ""
	switch {
	case repeated(h):
		wrong = "DuplicateHeaders"
	case !hexToken(p.Token):
		wrong = "BadDeviceToken"
	case p.Topic == "":
		wrong = "MissingTopic"
	case !slices.Contains(a.cfg.Topics, p.Topic):
		wrong = "TopicDisallowed"
	case !uuidText(p.ID):
		wrong = "BadMessageId"
	case p.Expiration != "" && expires != nil:
		wrong = "BadExpirationDate"
	case !slices.Contains([]string{"", "1", "5", "10"}, p.Priority):
		wrong = "BadPriority"
	case !slices.Contains([]string{"alert", "background"}, p.Type):
		wrong = "InvalidPushType"
	case len(p.Collapse) > 64:
		wrong = "BadCollapseId"
	default:
		return nil
	}
	return refuse(http.StatusBadRequest, wrong)
}

func checkPayload(payload []byte) *Fault {
	var body struct {
		APS map[string]json.RawMessage `json:"aps"`
	}
	switch err := json.Unmarshal(payload, &body); {
	case len(payload) > 4096:
		return refuse(http.StatusRequestEntityTooLarge, "PayloadTooLarge")
	case err != nil || len(body.APS) == 0:
		return refuse(http.StatusBadRequest, "PayloadEmpty")
	}
	return nil
}
