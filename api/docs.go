package api

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"net/http"
	"strings"
)

//go:embed docs/*
var docsFiles embed.FS

// docsPolicy lets the page run its own script and talk to this server alone.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocs mounts the OpenAPI document and the page that shows it, behind the
// gate that RegisterAll may set.
func (a *API) serveDocs() {
	a.serveGated("/openapi.json", "application/json", func(http.ResponseWriter, *http.Request) ([]byte, error) { return a.OpenAPI(), nil })
	a.serveGated("/docs", "text/html; charset=utf-8", func(w http.ResponseWriter, _ *http.Request) ([]byte, error) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		return docsFiles.ReadFile("docs/index.html")
	})
	a.serveGated("/docs/scalar.js", "text/javascript; charset=utf-8", func(w http.ResponseWriter, r *http.Request) ([]byte, error) {
		packed, err := docsFiles.ReadFile("docs/scalar.js.gz")
		if err != nil {
			return nil, err
		}
		w.Header().Add("Vary", "Accept-Encoding")
		if a.docsGate == nil {
			w.Header().Set("Cache-Control", "public, max-age=3600")
		} else {
			w.Header().Set("Cache-Control", "private, max-age=3600") // of no cache that others share
		}
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			return packed, nil
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(unpacked)
	})
}

// serve mounts one public file.
func (a *API) serve(path, contentType string, read func(http.ResponseWriter, *http.Request) ([]byte, error)) {
	a.mux.Get(path, a.file(contentType, nil, read))
}

// serveGated mounts one file of the docs.
func (a *API) serveGated(path, contentType string, read func(http.ResponseWriter, *http.Request) ([]byte, error)) {
	a.mux.Get(path, a.file(contentType, func(w http.ResponseWriter, r *http.Request) bool {
		if a.docsGate == nil {
			return true
		}
		w.Header().Set("Cache-Control", "private, no-store")
		stateOf(r.Context()).door = true
		return a.docsGate(w, r)
	}, read))
}

// file answers with one file, unless gate has answered.
func (a *API) file(contentType string, gate func(http.ResponseWriter, *http.Request) bool, read func(http.ResponseWriter, *http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.takeAddress(w, r) || gate != nil && !gate(w, r) {
			return
		}
		b, err := read(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.write(w, r, Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": contentType}, Body: b})
	}
}
