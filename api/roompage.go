package api

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

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

// roomReloader is the part that loads the page anew when another is missing. It
// stands apart from the others, so that a node of any version has it.
const roomReloader = "reload.js"

// roomVersion names what the parts of the page say.
func roomVersion() string {
	sum := sha256.New()
	for _, name := range roomParts() {
		part := sha256.Sum256(roomFile(name))
		sum.Write([]byte(name))
		sum.Write(part[:])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func roomFile(name string) []byte {
	b, err := roomFiles.ReadFile("rooms/" + name)
	if err != nil {
		panic(err) // it is not in the program
	}
	return b
}

// registerRoomPage adds the page of a room, which is also the one that the link
// of an invitation opens. Opening it changes nothing and looks nothing up:
// scanners open links, and what follows # never reaches a server. It gives the
// browser what it must show when somebody joins from there.
//
// The page finds its parts below a path of their version, so that it never has
// those of two: a node of another version answers 404, and the page is loaded
// anew. Below /rooms/ itself they are for pages of nodes that named no version.
func (a *API) registerRoomPage(p Platform) {
	file := func(path, contentType, keep string, body []byte, more func(http.ResponseWriter) error) {
		a.serve(path, contentType, func(w http.ResponseWriter, _ *http.Request) ([]byte, error) {
			h := w.Header()
			h.Set("Content-Security-Policy", roomPolicy)
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", keep)
			if more != nil {
				if err := more(w); err != nil {
					return nil, err
				}
			}
			return body, nil
		})
	}
	const html, anew, forever = "text/html; charset=utf-8", "no-cache", "public, max-age=31536000, immutable"
	version := roomVersion()
	page := []byte(strings.ReplaceAll(string(roomFile("index.html")), "{version}", version))
	file("/rooms/join", html, "no-store", page, func(w http.ResponseWriter) error {
		given, err := p.Door.Tokens.MintPage()
		if err != nil {
			return err
		}
		http.SetCookie(w, a.cookie(pageCookie, given, access.PageAge))
		return nil
	})
	file("/rooms/{id}", html, anew, page, nil)
	for _, name := range roomParts() {
		contentType := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[path.Ext(name)]
		file("/rooms/"+name, contentType, anew, roomFile(name), nil)
		if name != roomReloader {
			file("/rooms/"+version+"/"+name, contentType, forever, roomFile(name), nil)
		}
	}
}
