package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type transcriptPart struct {
	Epoch   string
	Entries []struct {
		Channel, Type, Hash string
		Seq                 int64
		Event               json.RawMessage
	}
	Manifest struct {
		Complete bool
		Entries  int
		Types    map[string]int
		Channels []struct {
			Channel, Seed, Hash string
			Through, Head       int64
		}
	}
	NextCursor string
}

func (p *place) transcript(t *testing.T, who, query string) transcriptPart {
	t.Helper()
	status, text := p.raw(t, who, p.path+"/transcript?"+query)
	if status != 200 {
		t.Fatalf("transcript: %d %s", status, text)
	}
	var part transcriptPart
	_, text, _ = strings.Cut(text, "\n\n")
	if err := json.Unmarshal([]byte(text), &part); err != nil {
		t.Fatal(err)
	}
	return part
}

// verify follows the chain of hashes as the document tells it to strangers.
func verify(t *testing.T, parts []transcriptPart) map[string]string {
	t.Helper()
	hash := map[string]string{}
	seq := map[string]int64{}
	total := 0
	for i, part := range parts {
		for _, c := range part.Manifest.Channels {
			seed := sha256.Sum256([]byte("openinsure transcript 1\n" + c.Channel + "\n" + part.Epoch))
			if c.Seed != hex.EncodeToString(seed[:]) {
				t.Errorf("%s: seed %s", c.Channel, c.Seed)
			}
			if i == 0 {
				hash[c.Channel] = c.Seed
			}
		}
		types := map[string]int{}
		for _, e := range part.Entries {
			before, err := hex.DecodeString(hash[e.Channel])
			if err != nil {
				t.Fatal(err)
			}
			of := sha256.Sum256(e.Event)
			link := sha256.Sum256(slices.Concat(before, of[:]))
			if seq[e.Channel]++; e.Hash != hex.EncodeToString(link[:]) || e.Seq != seq[e.Channel] {
				t.Errorf("%s %d: hash %s, want %x", e.Channel, e.Seq, e.Hash, link)
			}
			hash[e.Channel] = e.Hash
			types[e.Type]++
		}
		total += len(part.Entries)
		for _, c := range part.Manifest.Channels {
			if c.Hash != hash[c.Channel] || c.Through != seq[c.Channel] {
				t.Errorf("part %d: %s ends at %d %s, want %d %s", i, c.Channel, c.Through, c.Hash, seq[c.Channel], hash[c.Channel])
			}
		}
		if part.Manifest.Entries != len(part.Entries) || !maps.Equal(types, part.Manifest.Types) || part.Manifest.Complete != (i == len(parts)-1) {
			t.Errorf("part %d: manifest %+v, found %v", i, part.Manifest, types)
		}
	}
	return hash
}

func TestTranscript(t *testing.T) {
	p := newPlace(t)
	for i := range 6 {
		p.say("ben", fmt.Sprintf("<shared> & %d", i))
		p.say("una", fmt.Sprintf("desk of the MGA %d", i), asDesk)
		p.say("ben", fmt.Sprintf("desk of the broker %d", i), asDesk)
	}
	gone := p.say("ben", "gone")["id"].(string)
	p.want(204, "ben", "DELETE", "/messages/"+gone, "")
	ours := p.transcript(t, "una", "")
	theirs := p.transcript(t, "ben", "audience=shared")
	if a, b := verify(t, []transcriptPart{ours}), verify(t, []transcriptPart{theirs}); !maps.Equal(a, b) || len(a) != 1 {
		t.Errorf("two companies hold the same room: %v and %v", a, b)
	}
	if ours.Manifest.Types["deal_room.message_posted"] != 7 || ours.Manifest.Types["deal_room.message_deleted"] != 1 {
		t.Errorf("types %v", ours.Manifest.Types)
	}
	for who, word := range map[string]string{"una": "MGA", "ben": "broker", "abe": "MGA"} {
		whole := p.transcript(t, who, "audience=internal")
		text := ""
		for _, e := range whole.Entries {
			text += string(e.Event)
		}
		if hash := verify(t, []transcriptPart{whole}); len(hash) != 2 || !strings.Contains(text, "desk of the "+word) || strings.Count(text, "desk of the") != 6 {
			t.Errorf("%s, internal: %v %s", who, hash, text)
		}
		var parts []transcriptPart
		for cursor := ""; ; {
			part := p.transcript(t, who, "audience=internal&limit=4&cursor="+url.QueryEscape(cursor))
			parts = append(parts, part)
			if cursor = part.NextCursor; cursor == "" {
				break
			}
		}
		if len(parts) != 4 || !maps.Equal(verify(t, parts), verify(t, []transcriptPart{whole})) {
			t.Errorf("%s, in %d parts", who, len(parts))
		}
	}
	p.want(400, "una", "GET", "/transcript?cursor=x", "")
	p.want(400, "una", "GET", "/transcript?audience=everybody", "")
	p.want(404, "eve", "GET", "/transcript", "")
}

// TestTranscriptAsPDF prints a room in parts, for both companies.
func TestTranscriptAsPDF(t *testing.T) {
	p := newPlace(t)
	for i := range 3 {
		p.say("ben", fmt.Sprintf("shared word %d", i))
		p.say("una", fmt.Sprintf("desk of the MGA %d", i), asDesk)
	}
	printed := func(who, query string) (text, next string) {
		t.Helper()
		status, answer := p.raw(t, who, p.path+"/transcript/pdf?"+query)
		head, pdf, _ := strings.Cut(answer, "\n\n")
		if status != 200 || !strings.Contains(head, "application/pdf") || !strings.Contains(head, ".pdf") || !strings.HasPrefix(pdf, "%PDF-") {
			t.Fatalf("%s: %d %s", who, status, head)
		}
		cmd := exec.Command("pdftotext", "-", "-")
		cmd.Stdin = strings.NewReader(pdf)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("pdftotext (Debian: apt-get install poppler-utils): %v", err)
		}
		if _, rest, ok := strings.Cut(head, "X-Next-Cursor:["); ok {
			next, _, _ = strings.Cut(rest, "]")
		}
		return string(out), next
	}
	for who, query := range map[string]string{"una": "", "ben": "audience=internal"} {
		if text, _ := printed(who, query); strings.Count(text, "shared word") != 3 || strings.Contains(text, "desk of the MGA") {
			t.Errorf("%s reads:\n%s", who, text)
		}
	}
	if text, _ := printed("una", "audience=internal"); strings.Count(text, "desk of the MGA") != 3 || !strings.Contains(text, "Not for others") {
		t.Errorf("the desk is not printed for its own company:\n%s", text)
	}
	words := 0
	for cursor := ""; ; {
		text, next := printed("ben", "limit=2&cursor="+url.QueryEscape(cursor))
		words += strings.Count(text, "shared word")
		if strings.Contains(text, "More has happened") != (next != "") {
			t.Errorf("a part says of what follows:\n%s", text)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if words != 3 {
		t.Errorf("the parts have %d of 3 messages", words)
	}
	p.want(400, "una", "GET", "/transcript/pdf?limit=1001", "")
}
