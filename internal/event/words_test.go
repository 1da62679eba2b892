package event_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/event"
)

// heard lists the types that persons hear, and claim.reserved, whose words are
// ready for when they do.
func heard() []string {
	types := []string{"claim.reserved"}
	for _, t := range event.Types() {
		if len(t.Persons) > 0 {
			types = append(types, t.Name)
		}
	}
	return types
}

// reads fails unless a person can read the words.
func reads(t *testing.T, words map[string]event.Words) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(words)); !slices.Equal(got, event.Languages) {
		t.Errorf("languages = %v, want %v", got, event.Languages)
	}
	for lang, w := range words {
		for _, s := range []string{w.Title, w.Body} {
			if s == "" || strings.ContainsAny(s, "{}[]|\n") || strings.Contains(s, "  ") || s != strings.TrimSpace(s) || strings.Contains(s, "..") {
				t.Errorf("%s: %q does not read well", lang, s)
			}
			if first, _ := utf8.DecodeRuneInString(s); strings.ToUpper(string(first)) != string(first) {
				t.Errorf("%s: %q begins small", lang, s)
			}
		}
		if !strings.HasSuffix(w.Body, ".") || strings.HasSuffix(w.Title, ".") {
			t.Errorf("%s: %q, %q: a body is sentences, a title is none", lang, w.Title, w.Body)
		}
	}
	if words["en"] == words["es"] {
		t.Errorf("not translated: %v", words["en"])
	}
}

func TestWordsReadWithExampleAndWithout(t *testing.T) {
	for _, typ := range heard() {
		t.Run(typ, func(t *testing.T) {
			for _, data := range []string{`{}`, `null`, ``, `{"policyNumber":null,"author":{},"amount":"a lot","dueDate":"soon","effectiveDate":{}}`} {
				words, ok := event.WordsOf(typ, []byte(data))
				if !ok {
					t.Fatal("no words")
				}
				reads(t, words)
			}
			in, ok := event.Lookup(typ)
			if !ok {
				t.Fatal("not in the catalogue")
			}
			data, err := json.Marshal(in.Example)
			if err != nil {
				t.Fatal(err)
			}
			words, _ := event.WordsOf(typ, data)
			reads(t, words)
		})
	}
	if _, ok := event.WordsOf("deal_room.updated", []byte(`{}`)); ok {
		t.Error("there are words for a type that persons do not hear")
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		name, typ, data string
		en, es          event.Words
	}{
		{
			"bound", "policy.bound", `{"policyNumber":"GL-2026-000142","grossPremium":14250,"effectiveDate":"2026-04-01","expirationDate":"2027-04-01"}`,
			event.Words{Title: "Policy GL-2026-000142 is bound", Body: "Cover runs from April 1, 2026 to April 1, 2027. The premium is $14,250."},
			event.Words{Title: "Póliza GL-2026-000142 emitida", Body: "La cobertura va del 1 de abril de 2026 al 1 de abril de 2027. La prima es de $14,250."},
		},
		{
			"bound, no end", "policy.bound", `{"effectiveDate":"2026-04-01","grossPremium":712.5}`,
			event.Words{Title: "A policy is bound", Body: "Cover starts on April 1, 2026. The premium is $712.50."},
			event.Words{Title: "Póliza emitida", Body: "La cobertura empieza el 1 de abril de 2026. La prima es de $712.50."},
		},
		{
			"a message", event.Posted, `{"visibility":"shared","author":{"name":"Ben Broker","orgName":"Harbor Brokers"},"body":"We can offer 1M/2M."}`,
			event.Words{Title: "Ben Broker wrote in a deal room", Body: "Ben Broker of Harbor Brokers left a message. Open the room to read it."},
			event.Words{Title: "Ben Broker escribió en una sala de negociación", Body: "Ben Broker, de Harbor Brokers, dejó un mensaje. Abra la sala para leerlo."},
		},
		{
			"a message at a desk, of nobody", event.Posted, `{"visibility":"internal","author":{"id":"system"}}`,
			event.Words{Title: "New message at your company's desk", Body: "There is a new message for your company only, in a deal room. Open the room to read it."},
			event.Words{Title: "Nuevo mensaje en la mesa de su empresa", Body: "Hay un mensaje nuevo solo para su empresa, en una sala de negociación. Abra la sala para leerlo."},
		},
		{
			"quoted", "submission.quoted", `{"decision":"quoted","grossPremium":1234567.89,"expiresAt":"2026-04-30T23:32:00-02:00"}`,
			event.Words{Title: "Quote ready: $1,234,567.89", Body: "A submission was quoted at $1,234,567.89. The quote is good until May 1, 2026."},
			event.Words{Title: "Cotización lista: $1,234,567.89", Body: "Una solicitud fue cotizada en $1,234,567.89. La cotización vale hasta el 1 de mayo de 2026."},
		},
		{
			"referred", "submission.quoted", `{"decision":"referred","grossPremium":14250}`,
			event.Words{Title: "A quote is with an underwriter", Body: "A submission was rated, and an underwriter has to look at it before it can be bound."},
			event.Words{Title: "Una cotización está en revisión", Body: "Una solicitud fue tarificada y un suscriptor debe revisarla antes de emitirla."},
		},
		{
			"decided", "referral.decided", `{"outcome":"declined","entityType":"quote","rationale":"too wet"}`,
			event.Words{Title: "Your referral was declined", Body: "Your referral about a quote was declined. Open it to read why."},
			event.Words{Title: "Su consulta fue rechazada", Body: "Su consulta sobre una cotización fue rechazada. Ábrala para leer por qué."},
		},
		{
			"a name of many lines that looks like a text of ours", "deal_room.created", `{"title":"{policyNumber}[x|y]\r\nBcc: a@b.test\u202e","policyNumber":"GL-1"}`,
			event.Words{Title: "New deal room: {policyNumber}[x|y] Bcc: a@b.test", Body: "There is a deal room, and you take part in it."},
			event.Words{Title: "Nueva sala de negociación: {policyNumber}[x|y] Bcc: a@b.test", Body: "Hay una sala de negociación y usted participa en ella."},
		},
		{
			"changed without a price", "policy.endorsed", `{"policyNumber":"GL-1","premiumChange":0,"effectiveDate":"2026-06-01"}`,
			event.Words{Title: "Policy GL-1 was changed", Body: "The change counts from June 1, 2026. Open the policy to see it."},
			event.Words{Title: "Póliza GL-1 modificada", Body: "El cambio vale desde el 1 de junio de 2026. Abra la póliza para verlo."},
		},
		{
			"an endpoint that is gone", "webhook.disabled", `{"url":"https://user:pw@hooks.example.com:8443/in?token=abc","reason":"gone"}`,
			event.Words{Title: "A webhook was disabled", Body: "The webhook at hooks.example.com answered that it is gone for good. It gets nothing more until somebody enables it again."},
			event.Words{Title: "Se desactivó un webhook", Body: "El webhook en hooks.example.com respondió que ya no existe. No recibe nada más hasta que alguien lo active de nuevo."},
		},
		{
			"small and negative amounts", "payment.received", `{"amount":-1000.05}`,
			event.Words{Title: "Payment received: -$1,000.05", Body: "Thank you. Your payment of -$1,000.05 was received."},
			event.Words{Title: "Pago recibido: -$1,000.05", Body: "Gracias. Se recibió su pago de -$1,000.05."},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := event.WordsOf(tt.typ, []byte(tt.data))
			if d := cmp.Diff(map[string]event.Words{"en": tt.en, "es": tt.es}, got); d != "" || !ok {
				t.Errorf("words (-want +got):\n%s", d)
			}
		})
	}
}

// A member that no payload has would be left out of the words for good.
func TestWordsNameMembersThatExist(t *testing.T) {
	placeholder := regexp.MustCompile(`\{([a-zA-Z.]+)(?::[a-z]+)?\}`)
	for typ, texts := range event.Texts() {
		in, ok := event.Lookup(typ)
		if !ok {
			t.Errorf("%s has words and is not in the catalogue", typ)
			continue
		}
		names := membersOf(reflect.TypeOf(in.Example), "")
		for _, text := range texts {
			for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(names, m[1]) {
					t.Errorf("%s: %s in %q is none of %v", typ, m[0], text, names)
				}
			}
			if outside := regexp.MustCompile(`\[[^]]*\]`).ReplaceAllString(text, ""); strings.ContainsAny(outside, "{}[]|") {
				t.Errorf("%s: %q has something outside brackets that can be missing", typ, text)
			}
		}
	}
}

// membersOf lists the members of a payload, those inside others with a dot.
func membersOf(typ reflect.Type, prefix string) []string {
	var names []string
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, membersOf(f.Type, prefix)...)
		case f.Type.Kind() == reflect.Struct:
			names = append(names, membersOf(f.Type, prefix+name+".")...)
		default:
			names = append(names, prefix+name)
		}
	}
	return names
}

// What somebody wrote, why somebody decided and what the other company must not
// know is in no notice, whatever the data holds.
func TestWordsKeepSecrets(t *testing.T) {
	const secret = "SECRET-7f3a"
	for _, typ := range heard() {
		for _, lead := range []string{`"decision":"referred"`, `"outcome":"approved"`, `"outcome":"approved_with_conditions"`, `"outcome":"countered"`, `"visibility":"internal"`} {
			data := `{` + lead
			for _, member := range []string{
				"body", "rationale", "reason", "reasons", "questions", "conditions", "counter", "limit", "limits", "utilization",
				"reserve", "reserveAmount", "raisedBy", "decidedBy", "requestedBy", "metadata", "externalId", "text", "email", "url", "secret",
			} {
				data += `,"` + member + `":"` + secret + `"`
			}
			words, ok := event.WordsOf(typ, []byte(data+`}`))
			if !ok {
				t.Fatalf("%s has no words", typ)
			}
			for lang, w := range words {
				if strings.Contains(w.Title+w.Body, secret) {
					t.Errorf("%s, %s: %+v tells it", typ, lang, w)
				}
			}
		}
	}
}

func TestWordsAreShort(t *testing.T) {
	long := strings.Repeat("Ñandú ", 100)
	data, err := json.Marshal(map[string]any{"insuredName": long, "title": long, "policyNumber": long, "author": map[string]string{"name": long, "orgName": long}})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range heard() {
		words, _ := event.WordsOf(typ, data)
		for lang, w := range words {
			if n := utf8.RuneCountInString(w.Title); n > 150 || !utf8.ValidString(w.Title) {
				t.Errorf("%s, %s: a title of %d characters", typ, lang, n)
			}
			if n := utf8.RuneCountInString(w.Body); n > 400 {
				t.Errorf("%s, %s: a body of %d characters", typ, lang, n)
			}
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("policy.bound", []byte(`{"policyNumber":"GL-1","grossPremium":1e3,"effectiveDate":"0000-00-00"}`))
	f.Add(event.Posted, []byte(`{"author":{"name":"\ud800"}}`))
	placeholder := regexp.MustCompile(`\{[a-zA-Z.]+(:[a-z]+)?\}`)
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		words, ok := event.WordsOf(typ, data)
		if ok != (len(words) == len(event.Languages)) {
			t.Fatalf("%v with %v", words, ok)
		}
		for lang, w := range words {
			if w.Title == "" || w.Body == "" || strings.ContainsAny(w.Title+w.Body, "\r\n") || !utf8.ValidString(w.Title+w.Body) {
				t.Errorf("%s: %+q", lang, w)
			}
			if p := placeholder.FindString(w.Title + w.Body); p != "" && !strings.Contains(string(data), strings.Trim(p, "{}")) {
				t.Errorf("%s: %q is left in %+q", lang, p, w)
			}
		}
	})
}
