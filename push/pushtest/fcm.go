package pushtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// FCMConfig says what kind of FCM a fake is. The zero value is one project over
// plain HTTP.
type FCMConfig struct {
	Project   string           // default openinsure-test
	TLS       bool             // HTTP/2 over TLS, as Google speaks
	TokenLife time.Duration    // of access tokens; default an hour
	Now       func() time.Time // default time.Now
}

// FCM is Google's push service on loopback, and the token endpoint that its
// clients log in at. It checks their signed assertions, the access tokens that
// it gave for them and the messages, and keeps what it was sent.
type FCM struct {
	faults
	arrivals[FCMPush]

	cfg         FCMConfig
	authority   *authority
	credentials []byte
	oauth       *oauth
	server      *server
	requests    atomic.Int64
}

// An FCMPush is one that a fake took for a phone.
type FCMPush struct {
	Token        string // or the installation id
	Installation bool
	Name         string // that FCM gave the message
	Message      FCMMessage
	At           time.Time
	Repeat       int // how many with this data.eventId came before it for this phone
}

// FCMMessage is the part of a message that the fake reads.
type FCMMessage struct {
	Token        string            `json:"token"`
	Installation string            `json:"fid"`
	Data         map[string]string `json:"data"`
	Notification struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Image string `json:"image"`
	} `json:"notification"`
	Android struct {
		CollapseKey  string `json:"collapse_key"`
		Priority     string `json:"priority"`
		TTL          string `json:"ttl"`
		Package      string `json:"restricted_package_name"`
		Notification struct {
			Tag       string `json:"tag"`
			Sound     string `json:"sound"`
			ChannelID string `json:"channel_id"`
		} `json:"notification"`
	} `json:"android"`
}

// NewFCM starts a fake FCM. Close ends it.
func NewFCM(cfg FCMConfig) (*FCM, error) {
	if cfg.Project == "" {
		cfg.Project = "openinsure-test"
	}
	if cfg.TokenLife == 0 {
		cfg.TokenLife = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := &FCM{cfg: cfg}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var cert *tls.Certificate
	if cfg.TLS {
		if f.authority, err = newAuthority("FCM"); err != nil {
			return nil, fmt.Errorf("certificate of FCM: %w", err)
		}
		cert = &f.authority.cert
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", f.send)
	if f.server, err = serve(mux, cert); err != nil {
		return nil, err
	}
	f.oauth = &oauth{
		key: &key.PublicKey, keyID: "0123456789abcdef0123456789abcdef01234567", email: "push@" + cfg.Project + ".iam.gserviceaccount.com",
		url: f.URL() + "/token", life: cfg.TokenLife, now: cfg.Now,
	}
	f.credentials, err = json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": cfg.Project, "private_key_id": f.oauth.keyID, "client_email": f.oauth.email,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_id":   "100000000000000000000", "token_uri": f.oauth.url,
	}, "", "  ")
	return f, err
}

// Close hangs up on everybody and returns when nothing of the fake runs.
func (f *FCM) Close() error { return f.server.Close() }

// URL is the address of the fake.
func (f *FCM) URL() string {
	if f.cfg.TLS {
		return "https://" + f.server.addr
	}
	return "http://" + f.server.addr
}

// Endpoint is the address of its API, as clients want it.
func (f *FCM) Endpoint() string { return f.URL() + "/v1" }

// Roots trusts the authority of the fake's certificate; nil without TLS.
func (f *FCM) Roots() *x509.CertPool {
	if f.authority == nil {
		return nil
	}
	return f.authority.roots
}

// RootsPEM is the certificate of that authority; empty without TLS.
func (f *FCM) RootsPEM() []byte {
	if f.authority == nil {
		return nil
	}
	return f.authority.pem
}

// Project is the only one that there is.
func (f *FCM) Project() string { return f.cfg.Project }

// Credentials is the JSON of the project's service account.
func (f *FCM) Credentials() []byte { return f.credentials }

// WriteFile writes the credentials into a folder, for a server in another
// process.
func (f *FCM) WriteFile(dir string) (string, error) {
	name := filepath.Join(dir, "fcm.json")
	return name, os.WriteFile(name, f.credentials, 0o600)
}

// Requests counts what came for phones, refused or not.
func (f *FCM) Requests() int { return int(f.requests.Load()) }

// AccessTokens counts those that were given out.
func (f *FCM) AccessTokens() int { return f.oauth.count() }

// ExpireTokens makes all access tokens given so far worthless.
func (f *FCM) ExpireTokens() { f.oauth.expire() }

// Connections counts those that there were in all.
func (f *FCM) Connections() int { return int(f.server.opened.Load()) }

// misbehaves does what is due of a fault, and reports whether that was all.
func (f *FCM) misbehaves(w http.ResponseWriter, r *http.Request, fault Fault) bool {
	switch {
	case fault.Hang:
		f.server.hang(r)
		panic(http.ErrAbortHandler)
	case fault.Drop:
		cut(r)
	case fault.Status == 0:
		return false
	case fault.OAuth:
		fault.answerOAuth(w)
	default:
		fault.answerFCM(w)
	}
	return true
}

func (f *FCM) token(w http.ResponseWriter, r *http.Request) {
	if fault, ok := f.take(func(one *Fault) bool { return one.OAuth }); ok && f.misbehaves(w, r, fault) {
		return
	}
	text, refused := f.oauth.issue(r)
	if refused != nil {
		refused.answerOAuth(w)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": text, "expires_in": int(f.cfg.TokenLife.Seconds()), "token_type": "Bearer"})
}

func (f *FCM) send(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	push, refused := f.read(r)
	fault, faulty := f.take(func(one *Fault) bool { return !one.OAuth && (one.Token == "" || one.Token == push.Token) })
	if refused == nil && (!faulty || fault.Kept || fault.Status == 0 && !fault.Hang && !fault.Drop) {
		f.keep(push.Token+" "+push.Message.Data["eventId"], func(earlier int) FCMPush {
			push.Repeat = earlier
			return push
		})
	}
	if faulty && f.misbehaves(w, r, fault) {
		return
	}
	if refused != nil {
		refused.answerFCM(w)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]string{"name": push.Name}) // a client that left
}

// read takes a request apart. The refusal is nil when nothing is wrong with it.
func (f *FCM) read(r *http.Request) (FCMPush, *Fault) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return FCMPush{}, refuse(http.StatusBadRequest, "INVALID_ARGUMENT")
	}
	var in struct {
		Message FCMMessage `json:"message"`
	}
	malformed := json.Unmarshal(body, &in)
	p := FCMPush{Token: in.Message.Token, Message: in.Message, At: f.cfg.Now()}
	if in.Message.Installation != "" {
		p.Token, p.Installation = in.Message.Installation, true
	}
	p.Name = fmt.Sprintf("projects/%s/messages/0:%d%%%s", f.cfg.Project, p.At.UnixMicro(), rand.Text()[:16])
	switch {
	case !f.oauth.knows(r.Header.Get("Authorization")):
		return p, refuse(http.StatusUnauthorized, "")
	case r.PathValue("project") != f.cfg.Project:
		return p, refuse(http.StatusForbidden, "")
	case malformed != nil:
		return p, refuse(http.StatusBadRequest, "INVALID_ARGUMENT")
	}
	return p, checkMessage(in.Message)
}

var fcmDuration = regexp.MustCompile(`^(\d{1,7})(\.\d{1,9})?s$`)

func checkMessage(m FCMMessage) *Fault {
	wrong := &Fault{Status: http.StatusBadRequest, Reason: "INVALID_ARGUMENT"}
	size := len(m.Notification.Title) + len(m.Notification.Body) + len(m.Android.CollapseKey) + len(m.Android.Notification.Tag)
	for key, value := range m.Data {
		size += len(key) + len(value)
		if key == "from" || key == "message_type" || key == "collapse_key" || strings.HasPrefix(key, "google.") || strings.HasPrefix(key, "gcm.") {
			wrong.Field = "message.data"
			return wrong
		}
	}
	switch {
	case (m.Token == "") == (m.Installation == ""):
		wrong.Field = "message"
	case m.Token != "" && len(m.Token) < 100:
		wrong.Field = "message.token"
	case m.Installation != "" && len(m.Installation) != 22:
		wrong.Field = "message.fid"
	case m.Android.TTL != "" && !fcmDuration.MatchString(m.Android.TTL):
		wrong.Field = "message.android.ttl"
	case m.Android.Priority != "" && !strings.EqualFold(m.Android.Priority, "high") && !strings.EqualFold(m.Android.Priority, "normal"):
		wrong.Field = "message.android.priority"
	case size > 4096:
		wrong.Field = "message"
	default:
		return nil
	}
	return wrong
}

// answerFCM writes a refusal as Google does.
func (f Fault) answerFCM(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(f.Status)
	if f.Body != "" {
		_, _ = io.WriteString(w, f.Body)
		return
	}
	type detail map[string]any
	details := []detail{}
	if f.Reason != "" {
		details = append(details, detail{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": f.Reason})
	}
	if f.Field != "" {
		details = append(details, detail{
			"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []detail{{"field": f.Field, "description": "Invalid value"}},
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": f.Status, "message": "The request was refused.", "status": googleStatus[f.Status], "details": details,
	}})
}

var googleStatus = map[int]string{
	http.StatusBadRequest: "INVALID_ARGUMENT", http.StatusUnauthorized: "UNAUTHENTICATED", http.StatusForbidden: "PERMISSION_DENIED",
	http.StatusNotFound: "NOT_FOUND", http.StatusTooManyRequests: "RESOURCE_EXHAUSTED", http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable: "UNAVAILABLE",
}
