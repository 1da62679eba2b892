package api

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page/refusal.html
var pageFiles embed.FS

var refusalPage = template.Must(template.ParseFS(pageFiles, "page/refusal.html"))

// refusalPolicy lets the page have its style and nothing else.
const refusalPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A sorry is what somebody reads who opened a page that he does not get.
type sorry struct {
	Title, Message, Code, RequestID string
	Link, LinkText                  string // where he may go on; empty: nowhere
}

// failPage is fail for what people open in a browser: they get a page with the
// sentence, others get the body that all errors have.
func (a *API) failPage(w http.ResponseWriter, r *http.Request, err error) {
	a.failPageWith(w, r, err, "", "")
}

// failPageWith is failPage with a way on.
func (a *API) failPageWith(w http.ResponseWriter, r *http.Request, err error, link, text string) {
	w.Header().Add("Vary", "Accept")
	if !wantsPage(r) {
		a.fail(w, r, err)
		return
	}
	p := a.problem(r.Context(), err)
	var b bytes.Buffer
	if err := refusalPage.Execute(&b, sorry{
		Title: titleOf(p.status), Message: p.Message, Code: p.Code, RequestID: p.RequestID, Link: link, LinkText: text,
	}); err != nil {
		a.fail(w, r, err)
		return
	}
	stateOf(r.Context()).errorCode = p.Code
	h := w.Header()
	if wait := p.answer().Header["Retry-After"]; wait != "" {
		h.Set("Retry-After", wait)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", refusalPolicy)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.status)
	_, _ = w.Write(b.Bytes()) // a client that left is no failure of ours
}

// wantsPage reports whether a request is a browser's that opens a page.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func titleOf(status int) string {
	switch {
	case status >= 500:
		return "This does not work right now"
	case status == http.StatusTooManyRequests:
		return "Too many tries"
	case status == http.StatusBadRequest:
		return "This address is not right"
	}
	return "You are not let in"
}
