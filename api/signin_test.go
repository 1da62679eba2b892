package api

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// bind binds a policy of who's company for a policyholder and returns its number.
func (w *world) bind(who access.Actor, email string) string {
	w.t.Helper()
	token := w.token(who)
	s := w.must(201, token, "POST", "/v1/submissions", `{"insuredName":"Pacific Coast Builders","naicsCode":"236220","annualRevenue":8000000,
		"requestedLimit":1000000,"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL","insured":{"name":"Pat","email":"`+email+`"}}`)["id"].(string)
	w.must(201, token, "POST", "/v1/submissions/"+s+"/quote", "")
	return w.must(201, token, "POST", "/v1/submissions/"+s+"/bind", `{"installmentPlan":"PIF"}`)["policyNumber"].(string)
}

// askCode asks for a code from an address.
func (w *world) askCode(from, number, email string) (int, map[string]any) {
	w.t.Helper()
	status, m, _ := w.call("", "POST", "/auth/policyholder-otp-request", fmt.Sprintf(`{"policyNumber":%q,"email":%q}`, number, email), "X-Forwarded-For", from)
	return status, m
}

// codes are the mails with codes that are due now, by the mailbox; of each the
// last.
func (w *world) codes() map[string]string {
	w.t.Helper()
	if _, err := w.db.MakeCodes(w.t.Context(), 1000); err != nil {
		w.t.Fatal(err)
	}
	ds, err := w.db.Lease(w.t.Context(), push.Mail, "test", 1000, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]string{}
	for _, d := range ds {
		if d.Type != push.CodeType {
			continue
		}
		code := regexp.MustCompile(`\b[0-9]{6}\b`).FindString(d.Notice.Words["en"].Body)
		if code == "" || strings.Contains(d.Notice.Words["en"].Title, code) || d.Notice.Category != push.SignIn {
			w.t.Errorf("letter %+v", d.Notice)
		}
		found[d.Mailbox.Address] = code
	}
	return found
}

// tryCode tries a code from an address.
func (w *world) tryCode(from, number, code string, more ...string) (int, map[string]any) {
	w.t.Helper()
	status, m, _ := w.call("", "POST", "/auth/policyholder-token", fmt.Sprintf(`{"policyNumber":%q,"code":%q%s}`, number, code, strings.Join(more, "")), "X-Forwarded-For", from)
	return status, m
}

// signIn signs a policyholder in by a code, at home.
func (w *world) signIn(number, email, device string) map[string]any {
	w.t.Helper()
	if got, m := w.askCode(home, number, email); got != 202 {
		w.t.Fatalf("ask: %d %v", got, m)
	}
	got, m := w.tryCode(home, number, w.codes()[email], fmt.Sprintf(`,"device":%q`, device))
	if got != 200 {
		w.t.Fatalf("sign in: %d %v", got, m)
	}
	return m
}

// wrong is a code that is not the given one.
func wrong(code string) string {
	if code == "000000" {
		return "111111"
	}
	return "000000"
}

const (
	home     = "203.0.113.7"
	stranger = "198.51.100.9"
)

func TestPolicyholderSignsIn(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "Pat@Example.com")
	if got, m := w.askCode(home, strings.ToLower(number), "pat@example.COM"); got != 202 || m["status"] != "sent" || m["expiresIn"] != 600.0 {
		t.Fatalf("ask: %d %v", got, m)
	}
	code := w.codes()["Pat@Example.com"]
	got, s := w.tryCode(home, " "+number, code, `,"device":"Pat's phone"`)
	if got != 200 || !strings.HasPrefix(s["refreshToken"].(string), "oir_") || !strings.HasPrefix(s["sessionId"].(string), "ses_") {
		t.Fatalf("sign in: %d %v", got, s)
	}
	token := s["token"].(string)
	if me := w.must(200, token, "GET", "/v1/me", ""); me["type"] != "insured" || me["orgId"] != w.una.Org.String() {
		t.Errorf("me: %v", me)
	}
	if n := len(w.must(200, token, "GET", "/v1/policies", "")["data"].([]any)); n != 1 {
		t.Errorf("%d policies", n)
	}
	if got, m := w.tryCode(home, number, code); got != 401 || m["error"] != "invalid_code" {
		t.Errorf("the code again: %d %v", got, m)
	}
	list := w.must(200, token, "GET", "/v1/portal/sessions", "")["data"].([]any)
	if len(list) != 1 {
		t.Fatalf("sessions %v", list)
	}
	row := list[0].(map[string]any)
	if row["id"] != s["sessionId"] || row["device"] != "Pat's phone" || row["current"] != true || len(row["pushTokens"].([]any)) != 0 {
		t.Errorf("session %v", row)
	}
	if raw := storetest.Value[string](t, w.db, `SELECT string_agg(c::text || d::text, '') FROM sign_in_code c, delivery d WHERE d.type = 'sign_in.code'`); strings.Contains(raw, code) {
		t.Error("the code lies readable in the database")
	}
	if n := storetest.Value[int](t, w.db, `SELECT count(*) FROM notification WHERE type = 'sign_in.code'`); n != 0 {
		t.Errorf("%d inboxes have the code", n)
	}
	if strings.Contains(w.log.String(), code) || strings.Contains(w.log.String(), s["refreshToken"].(string)) {
		t.Error("the log has a secret")
	}
}

// TestWhoAskedInVain: whatever is wrong, the answer is that of a good request,
// and nothing is sent.
func TestWhoAskedInVain(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	other := w.bind(w.una, "pia@example.com")
	_, want := w.askCode(home, number, "pat@example.com")
	if len(w.codes()) != 1 {
		t.Fatal("the good one got none")
	}
	for name, body := range map[string]string{
		"unknown policy":    `{"policyNumber":"GL-2026-999999","email":"pat@example.com"}`,
		"unknown contact":   `{"policyNumber":"` + number + `","email":"nobody@example.com"}`,
		"another's policy":  `{"policyNumber":"` + other + `","email":"pat@example.com"}`,
		"a phone":           `{"policyNumber":"` + number + `","phone":"+1 (503) 555-0100"}`,
		"wildcards":         `{"policyNumber":"%","email":"pat@example.com"}`,
		"the underwriter's": `{"policyNumber":"` + number + `","email":"ada@example.com"}`,
	} {
		if d := cmp.Diff(want, w.must(202, "", "POST", "/auth/policyholder-otp-request", body)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if codes := w.codes(); len(codes) != 0 {
		t.Errorf("mailed %v", codes)
	}
	for name, tt := range map[string]struct{ body, field, rule string }{
		"no contact":  {`{"policyNumber":"GL-1"}`, "email", "required"},
		"both":        {`{"policyNumber":"GL-1","email":"a@example.com","phone":"+15035550100"}`, "phone", "unexpected"},
		"no e-mail":   {`{"policyNumber":"GL-1","email":"a"}`, "email", "email"},
		"no number":   {`{"email":"a@example.com"}`, "policyNumber", "required"},
		"long number": {`{"policyNumber":"` + strings.Repeat("9", 65) + `","email":"a@example.com"}`, "policyNumber", "maxLength"},
	} {
		if d := w.must(400, "", "POST", "/auth/policyholder-otp-request", tt.body)["details"].(map[string]any); d["field"] != tt.field || d["rule"] != tt.rule {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// TestSameNumberAtTwoCompanies: the number and the contact together find whom
// the code is for; each gets what is his.
func TestSameNumberAtTwoCompanies(t *testing.T) {
	w := newWorld(t)
	other := w.company("Other")
	number := w.bind(w.una, "pat@example.com")
	if n := w.bind(other, "pia@example.com"); n != number {
		t.Fatalf("numbers %s and %s", number, n)
	}
	w.askCode(home, number, "pat@example.com")
	w.askCode(home, number, "pia@example.com")
	codes := w.codes()
	for email, org := range map[string]access.OrgID{"pat@example.com": w.una.Org, "pia@example.com": other.Org} {
		got, m := w.tryCode(home, number, codes[email])
		if got != 200 {
			t.Fatalf("%s: %d %v", email, got, m)
		}
		if me := w.must(200, m["token"].(string), "GET", "/v1/me", ""); me["orgId"] != org.String() {
			t.Errorf("%s is at %v", email, me["orgId"])
		}
	}
	w.askCode(home, number, "pat@example.com")
	code := w.codes()["pat@example.com"]
	if got, m := w.tryCode(home, number, code, `,"email":"pia@example.com"`); got != 401 {
		t.Errorf("another's code with her address: %d %v", got, m)
	}
	if got, m := w.tryCode(home, number, code, `,"email":"PAT@example.com"`); got != 200 {
		t.Errorf("with his address: %d %v", got, m)
	}
}

// company adds another MGA that can bind.
func (w *world) company(name string) access.Actor {
	w.t.Helper()
	by := storetest.Org(w.t, w.db, name)
	if err := w.db.InTx(w.t.Context(), by, func(tx *store.Tx) error { return w.desk.OpenProgram(w.t.Context(), tx, by.Org) }); err != nil {
		w.t.Fatal(err)
	}
	return by
}

// TestStrangerCannotLockOut: whoever knows a policy's number, even with the
// contact, uses up his own tries and codes, and nobody else's.
func TestStrangerCannotLockOut(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	w.askCode(home, number, "pat@example.com")
	code := w.codes()["pat@example.com"]
	for n := range 20 {
		if got, m := w.tryCode(fmt.Sprintf("198.51.100.%d", n), number, wrong(code)); got != 401 || m["error"] != "invalid_code" {
			t.Fatalf("guess: %d %v", got, m)
		}
	}
	if got, m := w.tryCode(stranger, number, code); got != 401 {
		t.Errorf("the right guess, after all others: %d %v", got, m)
	}
	if got, m := w.tryCode(home, number, code); got != 200 {
		t.Errorf("the insured: %d %v", got, m)
	}
	// From here on the stranger knows the contact too.
	refused := 0
	for n := range 40 {
		if got, _ := w.askCode(fmt.Sprintf("198.51.100.%d", n%4), number, "pat@example.com"); got == 429 {
			refused++
		}
	}
	if refused != 40-4*access.CodesAsked {
		t.Errorf("%d of the stranger's wishes were refused", refused)
	}
	w.codes()
	if n := storetest.Value[int](t, w.db, `SELECT count(*) FROM sign_in_code`); n != access.CodesOfOne {
		t.Errorf("%d codes were mailed", n)
	}
	w.signIn(number, "pat@example.com", "another") // he is signed in here
}

func TestCodeGuessing(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	ask := func() string {
		t.Helper()
		if got, m := w.askCode(home, number, "pat@example.com"); got != 202 {
			t.Fatalf("ask: %d %v", got, m)
		}
		return w.codes()["pat@example.com"]
	}
	code := ask()
	for range access.CodeTries {
		w.tryCode(home, number, wrong(code))
	}
	if got, m := w.tryCode(home, number, code); got != 401 {
		t.Errorf("the sixth try: %d %v", got, m)
	}
	code = ask()
	storetest.SQL(t, w.db, `UPDATE sign_in_code SET created_at = created_at - interval '10 minutes', expires_at = expires_at - interval '10 minutes'`)
	if got, m := w.tryCode(home, number, code); got != 401 {
		t.Errorf("after ten minutes: %d %v", got, m)
	}
	// Of many guesses at once no more than five are compared.
	code = ask()
	var guesses sync.WaitGroup
	for range 30 {
		guesses.Go(func() {
			_, _, err := w.db.SignInByCode(t.Context(), store.Try{Policy: number, Code: wrong(code), From: "address:" + home, At: time.Now()})
			if err == nil {
				t.Error("a wrong code signed in")
			}
		})
	}
	guesses.Wait()
	if n := storetest.Value[int](t, w.db, `SELECT max(own_tries) FROM sign_in_code`); n != access.CodeTries {
		t.Errorf("%d tries were compared", n)
	}
	// Of many right ones at once one signs in.
	code = ask()
	results := make(chan error, 4)
	for range cap(results) {
		guesses.Go(func() {
			_, _, err := w.db.SignInByCode(t.Context(), store.Try{Policy: number, Code: code, From: "address:" + home, At: time.Now()})
			results <- err
		})
	}
	guesses.Wait()
	close(results)
	signedIn := 0
	for err := range results {
		if err == nil {
			signedIn++
		}
	}
	if signedIn != 1 {
		t.Errorf("one code signed in %d times", signedIn)
	}
	// An address has so many tries in an hour, at whatever policy; another has
	// its own.
	var last int
	for n := range access.TriesAddress + 1 {
		last, _ = w.tryCode(stranger, fmt.Sprintf("GL-%d", n), "123456")
	}
	got, m, h := w.call("", "POST", "/auth/policyholder-token", `{"policyNumber":"GL-1","code":"123456"}`, "X-Forwarded-For", stranger)
	if last != 429 || got != 429 || m["error"] != "too_many_tries" || h.Get("Retry-After") == "" {
		t.Errorf("flood: %d, %d %v %v", last, got, m, h)
	}
	if got, _ := w.tryCode("198.51.100.77", "GL-1", "123456"); got != 401 {
		t.Errorf("another address: %d", got)
	}
	// The addresses of one IPv6 customer are one.
	for n := range access.TriesAddress + 1 {
		last, _ = w.tryCode(fmt.Sprintf("2001:db8:1:2::%x", n+1), "GL-1", "123456")
	}
	if last != 429 {
		t.Errorf("one /64: %d", last)
	}
}

func TestAskingLimits(t *testing.T) {
	w := newWorld(t)
	for n := range access.CodesAsked {
		if got, m := w.askCode(home, fmt.Sprintf("GL-%d", n), "pat@example.com"); got != 202 {
			t.Fatalf("%d: %d %v", n, got, m)
		}
	}
	got, m, h := w.call("", "POST", "/auth/policyholder-otp-request", `{"policyNumber":"GL-1","email":"Pat@Example.com"}`, "X-Forwarded-For", home)
	if got != 429 || m["error"] != "too_many_codes" || h.Get("Retry-After") == "" || h.Get("Retry-After") == "0" {
		t.Errorf("one contact: %d %v %v", got, m, h)
	}
	if got, _ := w.askCode(stranger, "GL-1", "pat@example.com"); got != 202 {
		t.Errorf("from another address: %d", got)
	}
	last := 0
	for n := range access.CodesAddress {
		last, _ = w.askCode(home, "GL-1", fmt.Sprintf("p%d@example.com", n))
	}
	if last != 429 {
		t.Errorf("one address: %d", last)
	}
	storetest.SQL(t, w.db, `UPDATE sign_in_count SET ends_at = ends_at - interval '1 hour'`)
	if got, m := w.askCode(home, "GL-1", "pat@example.com"); got != 202 {
		t.Errorf("an hour later: %d %v", got, m)
	}
}

// TestLettersSurviveRotation: a code that waits to be mailed is sealed anew with
// the rest, so that the key of before can be dropped.
func TestLettersSurviveRotation(t *testing.T) {
	k1, k2 := seal.NewKey("k1"), seal.NewKey("k2")
	url := storetest.URL(t)
	open := func(keys string) *store.DB {
		ring, err := seal.ParseRing(keys)
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Open(t, store.Config{URL: url, Sealer: ring})
	}
	w := newWorldOn(t, open(k1))
	number := w.bind(w.una, "pat@example.com")
	w.askCode(home, number, "pat@example.com")
	if _, err := w.db.MakeCodes(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := open(k2+","+k1).Reseal(t.Context(), "k2"); err != nil {
		t.Fatal(err)
	}
	ds, err := open(k2).Lease(t.Context(), push.Mail, "test", 10, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(ds) != 1 || ds[0].Notice == nil || !regexp.MustCompile(`\b[0-9]{6}\b`).MatchString(ds[0].Notice.Words["en"].Body) {
		t.Errorf("leased %+v", ds)
	}
}

// A tracer notes the statements that run, batches included.
type tracer struct {
	mu  sync.Mutex
	ran []string
}

func (r *tracer) note(sql string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = append(r.ran, sql)
}

func (r *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.note(d.SQL)
	return ctx
}

func (*tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (r *tracer) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	r.note(d.SQL)
}

func (*tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// tracedBy is a database of the test's own, whose statements a tracer notes.
func tracedBy(t *testing.T, r *tracer) store.Config {
	t.Helper()
	return store.Config{URL: storetest.URL(t), Tracer: r}
}

// of returns the statements that a request ran that are about signing in.
func (r *tracer) of(do func()) []string {
	r.mu.Lock()
	r.ran = nil
	r.mu.Unlock()
	do()
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, sql := range r.ran {
		if !strings.Contains(sql, "FROM outbox") && !strings.Contains(sql, "FROM channel") { // of the background
			found = append(found, sql)
		}
	}
	return found
}

// TestExistingAndUnknownRunTheSame: neither the statements nor the answer of a
// request tell whether there is such a policy.
func TestExistingAndUnknownRunTheSame(t *testing.T) {
	ran := &tracer{}
	w := newWorldOn(t, storetest.Open(t, tracedBy(t, ran)))
	number := w.bind(w.una, "pat@example.com")
	w.askCode(home, number, "pat@example.com")
	code := w.codes()["pat@example.com"]
	type asked struct{ number, email string }
	var statements, answers []any
	for _, a := range []asked{{number, "pat@example.com"}, {"GL-1999-000001", "pat@example.com"}, {number, "nobody@example.com"}} {
		var m map[string]any
		var status int
		statements = append(statements, ran.of(func() { status, m = w.askCode(home, a.number, a.email) }))
		answers = append(answers, []any{status, m})
	}
	var tries, refusals []any
	for _, n := range []string{number, "GL-1999-000001"} {
		var m map[string]any
		var status int
		tries = append(tries, ran.of(func() { status, m = w.tryCode(home, n, wrong(code)) }))
		delete(m, "requestId")
		refusals = append(refusals, []any{status, m})
	}
	if n := len(statements[0].([]string)); n != 3 {
		t.Errorf("asking ran %d statements: %q", n, statements[0])
	}
	if n := len(tries[0].([]string)); n != 1 {
		t.Errorf("trying ran %d statements: %q", n, tries[0])
	}
	for what, all := range map[string][]any{"statements of asking": statements, "answers": answers, "statements of trying": tries, "refusals": refusals} {
		for _, other := range all[1:] {
			if d := cmp.Diff(all[0], other); d != "" {
				t.Errorf("%s: %s", what, d)
			}
		}
	}
	if http.StatusAccepted != answers[0].([]any)[0] {
		t.Errorf("answers %v", answers)
	}
}

// TestSignInsAreSwept: what has expired goes, phones first.
func TestSignInsAreSwept(t *testing.T) {
	w := newWorld(t)
	number := w.bind(w.una, "pat@example.com")
	gone, stays := w.signIn(number, "pat@example.com", "gone"), w.signIn(number, "pat@example.com", "stays")
	for n, s := range []map[string]any{gone, stays} {
		w.must(201, s["token"].(string), "POST", "/v1/portal/push-tokens", phone(apple(n), "ios"))
	}
	w.must(201, w.token(w.una), "POST", "/v1/me/devices", phone(apple(9), "ios"))
	storetest.SQL(t, w.db, `UPDATE sign_in SET expires_at = now() WHERE device = 'gone'`)
	storetest.SQL(t, w.db, `UPDATE delivery SET state = 'delivered', lease_until = NULL WHERE type = 'sign_in.code'`)
	count := func() string {
		return storetest.Value[string](t, w.db, `SELECT concat_ws(' ', (SELECT count(*) FROM device), (SELECT count(*) FROM sign_in), (SELECT count(*) FROM sign_in_code),
			(SELECT count(*) FROM sign_in_count), (SELECT count(*) FROM delivery WHERE type = 'sign_in.code'))`)
	}
	for _, tt := range []struct {
		later time.Duration
		want  string
	}{{0, "2 2 2 3 2"}, {2 * time.Hour, "2 2 2 0 2"}, {25 * time.Hour, "2 1 0 0 0"}} {
		if _, err := w.db.Sweep(t.Context(), time.Now().Add(tt.later)); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != tt.want {
			t.Errorf("%v later: %s, want %s", tt.later, got, tt.want)
		}
	}
}
