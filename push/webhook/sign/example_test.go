package sign_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/openinsure/openinsure/push/webhook/sign"
)

// A receiver reads the raw body, checks it before anything else looks at it, and
// answers 2xx once the event is safe.
func ExampleVerify() {
	const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" // shown once, when the endpoint was made
	clock := func() time.Time { return time.Unix(1772980330, 0) }       // time.Now, in yours

	receive := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		if err := sign.Verify(secret, r.Header, body, clock(), sign.Tolerance); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Println("handle", r.Header.Get("webhook-id"), "once")
		w.WriteHeader(http.StatusNoContent)
	}

	body := `{"type":"policy.bound"}`
	h, err := sign.Headers([]string{secret}, "evt_01J8K3M4N5P6Q7R8S9T0V1W2X3", time.Unix(1772980320, 0), []byte(body))
	if err != nil {
		fmt.Println(err)
	}
	for _, sent := range []string{body, body + " "} {
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(sent))
		r.Header = h
		w := httptest.NewRecorder()
		receive(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// handle evt_01J8K3M4N5P6Q7R8S9T0V1W2X3 once
	// 204
	// 401
}

// The plain signature needs no library in any language: it is the hex HMAC of
// the body, keyed with the secret as shown.
func ExampleVerifyPlain() {
	const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	h := http.Header{}
	h.Set("X-OpenInsure-Signature", "sha256=f21d698a91ca7f8519375990572e335cac038da3fefbe73a15d1ead339bfd8ff")
	fmt.Println(sign.VerifyPlain(secret, h, []byte(`{"type":"policy.bound"}`)))
	fmt.Println(sign.VerifyPlain(secret, h, []byte(`{"type":"policy.BOUND"}`)))
	// Output:
	// <nil>
	// no signature of the request fits this secret and body
}

func ExampleHeaders() {
	const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	h, err := sign.Headers([]string{secret}, "evt_01J8K3M4N5P6Q7R8S9T0V1W2X3", time.Unix(1772980320, 0), []byte(`{}`))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(h.Get("X-OpenInsure-Signature"))
	fmt.Println(h.Get("webhook-id"))
	fmt.Println(h.Get("webhook-timestamp"))
	fmt.Println(h.Get("webhook-signature"))
	// Output:
	// sha256=985a3c96a281605f1d3b4c1137aa5b322d0d56867f0b183245815130d7964c97
	// evt_01J8K3M4N5P6Q7R8S9T0V1W2X3
	// 1772980320
	// v1,muLhb885JGhW1PWHGzOEpKKId/fNoqoFgdARIB+kCXE=
}
