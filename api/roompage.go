package api

import (
	"embed"
	"io/fs"
	"net/http"
	"path"

	"github.com/openinsure/openinsure/internal/access"
)

//go:embed rooms/*
var roomFiles embed.FS

// roomPolicy lets the page run its own scripts and talk to this server alone.
const roomPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// roomParts lists what the page loads: its styles and its modules, which are
// served as they were written.
func roomParts() []string {
	all, err := fs.Glob(roomFiles, "rooms/*.[jc]s*")
	if err != nil {
		panic(err) // the pattern is malformed
	}
	for i := range all {
		all[i] = path.Base(all[i])
	}
	return all
}

// registerRoomPage adds the page of a room, which is also the one that the link
// of an invitation opens. Opening it changes nothing and looks nothing up:
// scanners open links, and what follows # never reaches a server. It gives the
// browser what it must show when somebody joins from there.
func (a *API) registerRoomPage(p Platform) {
	file := func(path, name, contentType string, more func(http.ResponseWriter) error) {
		a.serve(path, contentType, func(w http.ResponseWriter, _ *http.Request) ([]byte, error) {
			h := w.Header()
			h.Set("Content-Security-Policy", roomPolicy)
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-cache")
			if more != nil {
				if err := more(w); err != nil {
					return nil, err
				}
			}
			return roomFiles.ReadFile("rooms/" + name)
		})
	}
	const html = "text/html; charset=utf-8"
	file("/rooms/join", "index.html", html, func(w http.ResponseWriter) error {
		given, err := p.Door.Tokens.MintPage()
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
		http.SetCookie(w, a.cookie(pageCookie, given, access.PageAge))
		return nil
	})
	file("/rooms/{id}", "index.html", html, nil)
	for _, name := range roomParts() {
		file("/rooms/"+name, name, map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[path.Ext(name)], nil)
	}
}
