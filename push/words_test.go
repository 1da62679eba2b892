package push_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openinsure/openinsure/push"
	"pgregory.net/rapid"
)

func TestShorten(t *testing.T) {
	bytes := func(n int) func(push.Words) bool {
		return func(w push.Words) bool { return len(w.Title)+len(w.Body) <= n }
	}
	tests := []struct {
		name   string
		in     push.Words
		most   int
		want   push.Words
		wantOK bool
	}{
		{"fits", push.Words{Title: "abc", Body: "defg"}, 7, push.Words{Title: "abc", Body: "defg"}, true},
		{"a letter too long", push.Words{Title: "abc", Body: "defghi"}, 8, push.Words{Title: "abc", Body: "de…"}, true},
		{"between characters", push.Words{Title: "abc", Body: "ñññññ"}, 9, push.Words{Title: "abc", Body: "ñ…"}, true},
		{"of the body only the ellipsis", push.Words{Title: "abc", Body: "defghi"}, 6, push.Words{Title: "abc", Body: "…"}, true},
		{"no room for a body", push.Words{Title: "abcdef", Body: "defghi"}, 6, push.Words{Title: "abc…"}, true},
		{"no room for anything", push.Words{Title: "abcdef", Body: "defghi"}, 2, push.Words{}, false},
		{"empty and no room", push.Words{}, -1, push.Words{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := push.Shorten(tt.in, bytes(tt.most))
			if got != tt.want || ok != tt.wantOK {
				t.Errorf("Shorten = %+v, %t, want %+v, %t", got, ok, tt.want, tt.wantOK)
			}
		})
	}
}

func TestShortenKeepsAsMuchAsFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := push.Words{Title: rapid.String().Draw(t, "title"), Body: rapid.String().Draw(t, "body")}
		most := rapid.IntRange(0, 80).Draw(t, "most")
		fits := func(w push.Words) bool { return len(w.Title)+len(w.Body) <= most }
		got, ok := push.Shorten(w, fits)
		switch {
		case !ok:
			if most >= len("…") {
				t.Fatalf("nothing of %+v fits into %d bytes", w, most)
			}
			return
		case !fits(got):
			t.Fatalf("%+v does not fit into %d bytes", got, most)
		case !utf8.ValidString(got.Title) || !utf8.ValidString(got.Body):
			t.Fatalf("%+v has half a character", got)
		case got == w:
			return
		}
		cut, whole := got.Body, w.Body
		if got.Title != w.Title {
			cut, whole = got.Title, w.Title
		}
		kept, shortened := strings.CutSuffix(cut, "…")
		if cut != "" && (!shortened || !strings.HasPrefix(whole, kept)) {
			t.Fatalf("%+v is not the start of %+v", got, w)
		}
	})
}
