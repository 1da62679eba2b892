package paper_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/rooms/paper"
	"github.com/openinsure/openinsure/rooms/room"
)

var at = time.Date(2026, 11, 29, 9, 30, 0, 0, time.UTC)

// held is a room of which these facts, by their types, are told.
func held(t testing.TB, facts ...[2]string) rooms.Transcript {
	t.Helper()
	tr := rooms.Transcript{
		Room:     room.Room{ID: room.NewID(at), Title: "Pacific Coast Builders, general liability", InsuredName: "Pacific Coast Builders"},
		Audience: room.ForAll, At: at.Add(time.Hour),
	}
	for i, f := range facts {
		data := json.RawMessage(f[1])
		payload, err := json.Marshal(map[string]any{"id": event.NewID(at).String(), "type": f[0], "timestamp": at, "data": data})
		if err != nil {
			t.Fatal(err)
		}
		tr.Lines = append(tr.Lines, rooms.Line{
			Channel: "room:" + tr.Room.ID.String(), Seq: int64(i + 1), At: at.Add(time.Duration(i) * time.Minute), Type: f[0], Payload: payload,
		})
	}
	tr.Strands = []rooms.Strand{{Channel: "room:" + tr.Room.ID.String(), Through: int64(len(facts)), Head: int64(len(facts)), Hash: [32]byte{0xab, 0xcd}}}
	return tr
}

func said(body string) [2]string {
	b, _ := json.Marshal(map[string]any{"author": map[string]string{"name": "Ben Alder", "orgName": "Harbor Brokers"}, "body": body})
	return [2]string{"deal_room.message_posted", string(b)}
}

// read returns the text of a PDF, as a reader of it shows it.
func read(t *testing.T, pdf []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", file, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (Debian: apt-get install poppler-utils): %v", err)
	}
	return string(out)
}

// words are the words of a text, whatever its lines.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestTranscript prints what people say in a room, and reads it again.
func TestTranscript(t *testing.T) {
	long := strings.Repeat("The roof was renewed in 2019 and every sprinkler was tested. ", 200) // more than a page
	pdf, err := paper.Transcript(held(t,
		said("Größe, Łódź, Ελλάδα, Київ: <b>no markup</b> & \"quotes\""),
		said("one line\nand another"),
		said(long+"The end."),
		said("https://example.com/"+strings.Repeat("a", 300)),
		said("\u202egnirts\u202c 日本 😀"),
		[2]string{"deal_room.card_posted", `{"text":"Offered at $14,250.","quoteId":"quo_1"}`},
		[2]string{"deal_room.message_deleted", `{"seq":2,"author":{"name":"Ben Alder"}}`},
	))
	if err != nil {
		t.Fatal(err)
	}
	text := words(read(t, pdf))
	for _, want := range []string{
		"Pacific Coast Builders, general liability", "what is shared by both companies", "2026-11-29 10:30:00",
		`Ben Alder (Harbor Brokers): Größe, Łódź, Ελλάδα, Київ: <b>no markup</b> & "quotes"`,
		"2026-11-29 09:31:00 room 2", "The end.", "gnirts □□ □", "Offered at $14,250.", "deleted message 2",
		"through 7 of 7", "abcd00",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "every sprinkler"); n != 200 {
		t.Errorf("the long message has %d of its 200 sentences", n)
	}
	if n := strings.Count(text, "a"); n < 300 {
		t.Errorf("the long word has lost letters: %d", n)
	}
}

// TestPartsSayThatTheyContinue prints a part of a room.
func TestPartsSayThatTheyContinue(t *testing.T) {
	part := held(t, said("one"))
	part.Strands[0].Head = 9
	pdf, err := paper.Transcript(part)
	if err != nil {
		t.Fatal(err)
	}
	if text := read(t, pdf); !strings.Contains(text, "More has happened") || !strings.Contains(text, "through 1 of 9") {
		t.Errorf("it does not say that it is a part:\n%s", text)
	}
}

// BenchmarkTranscript prints the largest part.
func BenchmarkTranscript(b *testing.B) {
	var facts [][2]string
	for i := range paper.Most {
		facts = append(facts, said(fmt.Sprintf("%d: we can live with the deductible, and not with the exclusion of the roof.", i)))
	}
	t := held(b, facts...)
	for b.Loop() {
		pdf, err := paper.Transcript(t)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(pdf)), "bytes")
	}
}
