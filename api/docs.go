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

// serveDocs mounts the OpenAPI document and the page that shows it.
func (a *API) serveDocs() {
	a.serve("/openapi.json", "application/json", func(http.ResponseWriter, *http.Request) ([]byte, error) { return a.OpenAPI(), nil })
	a.serve("/docs", "text/html; charset=utf-8", func(w http.ResponseWriter, _ *http.Request) ([]byte, error) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		return docsFiles.ReadFile("docs/index.html")
	})
	a.serve("/docs/scalar.js", "text/javascript; charset=utf-8", func(w http.ResponseWriter, r *http.Request) ([]byte, error) {
		packed, err := docsFiles.ReadFile("docs/scalar.js.gz")
		if err != nil {
			return nil, err
		}
		w.Header().Add("Vary", "Accept-Encoding")
		w.Header().Set("Cache-Control", "public, max-age=3600")
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
	a.mux.Get(path, func(w http.ResponseWriter, r *http.Request) {
		if !a.takeAddress(w, r) {
			return
		}
		b, err := read(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.write(w, r, Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": contentType}, Body: b})
	})
}
