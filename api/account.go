package api

import (
	"embed"
	"net/http"
)

//go:embed account/*
var accountFiles embed.FS

// registerAccountPage adds the page of somebody who is signed in: who he is, a
// token for his programs, and the way out. It looks nothing up by itself.
func (a *API) registerAccountPage() {
	page := func(path, file, contentType string) {
		a.serve(path, contentType, func(w http.ResponseWriter, _ *http.Request) ([]byte, error) {
			w.Header().Set("Content-Security-Policy", loginPolicy)
			w.Header().Set("Cache-Control", "no-cache")
			return accountFiles.ReadFile("account/" + file)
		})
	}
	page(accountPath, "index.html", "text/html; charset=utf-8")
	page(accountPath+"/account.js", "account.js", "text/javascript; charset=utf-8")
}
