package api

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/store/storetest"
)

// A forge makes tokens as no honest server would, byte by byte.
type forge struct {
	t      *testing.T
	header map[string]any
	claims map[string]any
	sign   func(input []byte) []byte
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f forge) token() string {
	f.t.Helper()
	h, err := json.Marshal(f.header)
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := json.Marshal(f.claims)
	if err != nil {
		f.t.Fatal(err)
	}
	input := b64(h) + "." + b64(c)
	return input + "." + b64(f.sign([]byte(input)))
}

// with changes a claim or, behind a dot, a header; nil takes it away.
func (f forge) with(name string, value any) forge {
	f.header, f.claims = maps.Clone(f.header), maps.Clone(f.claims)
	to := f.claims
	if rest, ok := strings.CutPrefix(name, "."); ok {
		to, name = f.header, rest
	}
	if to[name] = value; value == nil {
		delete(to, name)
	}
	return f
}

func (f forge) signed(by func([]byte) []byte) forge { f.sign = by; return f }

// newForge has the server's own key, so that what is refused is refused for
// what is wrong with it.
func newForge(t *testing.T, w *world) (forge, ed25519.PrivateKey) {
	t.Helper()
	_, seed, _ := strings.Cut(w.key, ":")
	raw, err := base64.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(raw)
	now := time.Now().Unix()
	return forge{
		t: t, header: map[string]any{"alg": "EdDSA", "kid": "t", "typ": "JWT"},
		claims: map[string]any{
			"iss": "http://test", "aud": "openinsure", "sub": w.una.ID, "iat": now, "nbf": now, "exp": now + 900,
			"typ": "user", "org": w.una.Org.String(), "role": "underwriter",
		},
		sign: func(b []byte) []byte { return ed25519.Sign(private, b) },
	}, private
}

func hs256(key []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		m := hmac.New(sha256.New, key)
		m.Write(b)
		return m.Sum(nil)
	}
}

func TestForgedTokens(t *testing.T) {
	w := newWorld(t)
	good, private := newForge(t, w)
	public := private.Public().(ed25519.PublicKey)
	w.must(200, good.token(), "GET", "/v1/submissions", "") // or nothing below shows anything
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	spki := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	theirPublic, theirs, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	evil := func(b []byte) []byte { return ed25519.Sign(theirs, b) }
	nothing := func([]byte) []byte { return nil }
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "t", "x": b64(theirPublic)}
	other := storetest.Org(t, w.db, "Other")
	now := time.Now().Unix()
	for name, f := range map[string]forge{
		"alg none":                       good.with(".alg", "none").signed(nothing),
		"alg None, signed":               good.with(".alg", "None"),
		"no alg":                         good.with(".alg", nil),
		"no signature":                   good.signed(nothing),
		"HS256 with the public key":      good.with(".alg", "HS256").signed(hs256(public)),
		"HS256 with its text":            good.with(".alg", "HS256").signed(hs256([]byte(b64(public)))),
		"HS256 with its PEM":             good.with(".alg", "HS256").signed(hs256(spki)),
		"HS256 with its DER":             good.with(".alg", "HS256").signed(hs256(der)),
		"HS256 with nothing":             good.with(".alg", "HS256").signed(hs256(nil)),
		"RS256 by name":                  good.with(".alg", "RS256"),
		"ES256 by name":                  good.with(".alg", "ES256"),
		"a list of algs":                 good.with(".alg", []string{"EdDSA", "none"}),
		"another key":                    good.signed(evil),
		"another key, in the header":     good.with(".jwk", jwk).signed(evil),
		"another key, by its address":    good.with(".jku", "http://127.0.0.1:1/jwks.json").signed(evil),
		"another key, as a certificate":  good.with(".x5c", []string{b64(theirPublic)}).signed(evil),
		"kid unknown":                    good.with(".kid", "u"),
		"kid missing":                    good.with(".kid", nil),
		"kid empty":                      good.with(".kid", ""),
		"kid a path":                     good.with(".kid", "../../../../dev/null").signed(hs256(nil)),
		"kid a path, HS256 with nothing": good.with(".kid", "/dev/null").with(".alg", "HS256").signed(hs256(nil)),
		"kid SQL":                        good.with(".kid", "t' OR '1'='1"),
		"kid JSON":                       good.with(".kid", map[string]any{"kid": "t"}),
		"kid a list":                     good.with(".kid", []string{"t"}),
		"kid a number":                   good.with(".kid", 0),
		"kid an address":                 good.with(".kid", "http://127.0.0.1:1/").signed(evil),
		"a critical extension":           good.with(".crit", []string{"x"}).with(".x", true),
		"expired":                        good.with("exp", now-31),
		"expired long ago":               good.with("exp", 1),
		"exp missing":                    good.with("exp", nil),
		"exp a text":                     good.with("exp", "never"),
		"not before tomorrow":            good.with("nbf", now+86400),
		"not before in a minute":         good.with("nbf", now+60),
		"nbf missing":                    good.with("nbf", nil),
		"issued tomorrow":                good.with("iat", now+86400),
		"another audience":               good.with("aud", "billing"),
		"audience of tickets":            good.with("aud", "openinsure-live"),
		"audience missing":               good.with("aud", nil),
		"another issuer":                 good.with("iss", "http://test.evil.example"),
		"issuer with a slash":            good.with("iss", "http://test/"),
		"issuer missing":                 good.with("iss", nil),
		"typ system":                     good.with("typ", "system").with("sub", "system"),
		"typ machine":                    good.with("typ", "machine"),
		"typ insured of a user":          good.with("typ", "insured"),
		"typ missing":                    good.with("typ", nil),
		"of another organisation":        good.with("org", other.Org.String()),
		"no organisation":                good.with("org", ""),
		"nobody":                         good.with("sub", nil),
		"a user who does not exist":      good.with("sub", access.NewUserID(time.Now()).String()),
		"a key as user":                  good.with("sub", access.NewKeyID(time.Now()).String()),
		"a sign-in that is none":         good.with("sid", "../x"),
		"a sign-in that does not exist":  good.with("typ", "insured").with("sub", access.NewPersonID(time.Now()).String()).with("sid", access.NewSignInID(time.Now()).String()),
	} {
		if got, m, _ := w.call(f.token(), "GET", "/v1/submissions", ""); got != 401 || m["error"] != "invalid_credential" || len(m["details"].(map[string]any)) != 0 {
			t.Errorf("%s: %d %v", name, got, m)
		}
	}
	for name, token := range map[string]string{
		"two parts":       strings.Join(strings.Split(good.token(), ".")[:2], "."),
		"four parts":      good.token() + ".AAAA",
		"padding":         good.token() + "==",
		"a JWS in JSON":   `{"payload":"e30","protected":"e30","signature":""}`,
		"a nested header": b64([]byte(`{"alg":"EdDSA","kid":"t","alg":"none"}`)) + "." + strings.SplitN(good.token(), ".", 2)[1],
		"another claim":   strings.Replace(good.token(), ".", "."+b64([]byte(`{"role":"admin"}`)), 1),
		"huge":            strings.Repeat("A", 40000),
	} {
		if got, m, _ := w.call(token, "GET", "/v1/submissions", ""); got != 401 {
			t.Errorf("%s: %d %v", name, got, m)
		}
	}
	// What a token says of the role counts for nothing: the database's does.
	if got, m, _ := w.call(good.with("role", "admin").token(), "POST", "/v1/api-keys", `{"name":"mine","scopes":["policies:read"]}`); got != 403 {
		t.Errorf("a role of his own: %d %v", got, m)
	}
}

// TestKeyEnumeration: a key that is nearly right is answered as one that is
// nothing like one, by the same statement: keys are found by their hash alone.
func TestKeyEnumeration(t *testing.T) {
	ran := &tracer{}
	w := newWorldOn(t, storetest.Open(t, tracedBy(t, ran)))
	key := w.addKey(`{"name":"a","scopes":["submissions:read"]}`)["key"].(string)
	w.must(200, key, "GET", "/v1/submissions", "")
	var statements []string
	var answer string
	for _, bad := range []string{
		key[:len(key)-1] + flip(key[len(key)-1]), // all but the last digit
		key[:13] + strings.Repeat("0", len(key)-13),
		"oik_live_" + key[9:],
		"oik_test_" + strings.Repeat("f", 64),
		"oik_test_",
		"oik_" + strings.Repeat("x", 500),
		strings.ToUpper(key[:4]) + key[4:],
		key + "0",
	} {
		var got int
		var m map[string]any
		all := ran.of(func() { got, m, _ = w.call("", "GET", "/v1/submissions", "", "X-API-Key", bad) })
		delete(m, "requestId")
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if answer == "" {
			answer, statements = string(text), all
		}
		if got != 401 || string(text) != answer {
			t.Errorf("%.20s…: %d %s, the first was %s", bad, got, text, answer)
		}
		if strings.HasPrefix(bad, "oik_") && strings.Join(all, ";") != strings.Join(statements, ";") {
			t.Errorf("%.20s…: ran %q, the first %q", bad, all, statements)
		}
	}
	// Whoever comes with a key that is none is looked for among those that were.
	if len(statements) != 2 || !strings.Contains(statements[0], "t.hash = $1") {
		t.Errorf("ran %q", statements)
	}
}

// flip is another hexadecimal digit.
func flip(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

// TestSmuggledOrganisation: nothing that a caller sends names the organisation
// that he works on, unless he is the system.
func TestSmuggledOrganisation(t *testing.T) {
	w := newWorld(t)
	other := w.company("Other")
	w.bind(other, "pia@example.com")
	number := w.bind(w.una, "pat@example.com")
	pat := w.signIn(number, "pat@example.com", "phone")["token"].(string)
	key := w.addKey(`{"name":"a","scopes":["submissions:write","policies:read"]}`)["key"].(string)
	theirs, mine := other.Org.String(), w.una.Org.String()
	for who, bearer := range map[string]string{"user": w.token(w.una), "administrator": w.token(w.ada), "key": key, "insured": pat} {
		for _, header := range []string{"X-Org-Id", "X-OrgId", "X-Organization-Id", "X-Tenant-Id", "Org-Id", "X-Openinsure-Org", "X-Forwarded-Org", "X-User-Id", "X-Role", "X-Original-Url"} {
			w.mine(who+" by "+header, w.must(200, bearer, "GET", "/v1/policies", "", header, theirs), mine)
		}
		for _, query := range []string{"orgId=" + mine, "orgId=" + w.una.Org.UUID()} {
			w.mine(who+" by "+query, w.must(200, bearer, "GET", "/v1/policies?"+query, ""), mine)
		}
		for _, query := range []string{"orgId=" + theirs, "orgId=" + mine + "&orgId=" + theirs, "orgId=" + other.Org.UUID()} {
			if m := w.must(404, bearer, "GET", "/v1/policies?"+query, ""); m["error"] != "not_found" {
				t.Errorf("%s by %s: %v", who, query, m)
			}
		}
		w.must(400, bearer, "GET", "/v1/policies?orgId=nonsense", "")
		for _, query := range []string{"org_id=", "orgID=", "org=", "tenant=", "orgId%00="} {
			if got, m, _ := w.call(bearer, "GET", "/v1/policies?"+query+theirs, ""); got != 400 {
				t.Errorf("%s by %s: %d %v", who, query, got, m)
			}
		}
	}
	// A body names none either.
	body := strings.Replace(goodSubmission, `"state"`, `"orgId":"`+theirs+`","state"`, 1)
	if got := w.must(400, w.token(w.una), "POST", "/v1/submissions", body)["details"].(map[string]any); got["field"] != "orgId" || got["rule"] != "unknown" {
		t.Errorf("in a body: %v", got)
	}
	w.must(404, w.token(w.una), "POST", "/v1/submissions?orgId="+theirs, goodSubmission)
	s := w.must(201, w.token(w.una), "POST", "/v1/submissions?orgId="+mine, goodSubmission, "X-Org-Id", theirs)
	if n := storetest.Value[string](t, w.db, `SELECT org_id::text FROM submission WHERE external_id = 'ext-1'`); n != w.una.Org.UUID() {
		t.Errorf("written to %s: %v", n, s)
	}
	// Only the secret itself makes the system.
	for _, bearer := range []string{worldSecret[:len(worldSecret)-1], worldSecret + "x", strings.ToUpper(worldSecret), "system"} {
		if got, _, _ := w.call(bearer, "GET", "/v1/policies?orgId="+theirs, ""); got != 401 {
			t.Errorf("nearly the secret: %d", got)
		}
	}
	if got, _, _ := w.call("", "GET", "/v1/policies?orgId="+theirs, "", "X-API-Key", worldSecret); got != 401 {
		t.Errorf("the secret as a key: %d", got)
	}
}

// mine checks that a list has one policy, which is of an organisation.
func (w *world) mine(how string, list map[string]any, org string) {
	w.t.Helper()
	rows := list["data"].([]any)
	if len(rows) != 1 {
		w.t.Errorf("%s: %d policies", how, len(rows))
		return
	}
	id := rows[0].(map[string]any)["id"].(string)
	if n := storetest.Value[int](w.t, w.db, `SELECT count(*) FROM policy p WHERE p.org_id = $2 AND p.id = $1`, *access.SubjectUUID(id), *access.SubjectUUID(org)); n != 1 {
		w.t.Errorf("%s: a policy of another", how)
	}
}
