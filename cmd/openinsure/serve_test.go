package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const builder = `{"insuredName":"Pacific Coast Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,
	"effectiveDate":"2026-05-01","state":"OR","lineOfBusiness":"GL"}`

// The script at the end of the reference, to the letter but for the address and
// the key that it tells its reader to fill in.
func TestReferenceScript(t *testing.T) {
	r := start(t, "serve", dataDir(t))
	script, err := os.ReadFile("testdata/reference.sh")
	if err != nil {
		t.Fatal(err)
	}
	text := string(script)
	for old, now := range map[string]string{
		`API="https://api.openinsure.dev/v1"`: `API="` + r.url + `/v1"`,
		`TOKEN="your_api_key_here"`:           `TOKEN="` + r.demo()["DEMO_API_KEY"] + `"`,
	} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("the script has no single %s", old)
		}
		text = strings.Replace(text, old, now, 1)
	}
	out, err := exec.Command("bash", "-c", text).CombinedOutput() //nolint:gosec // our own test data
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := string(out), "Premium: 14250\nPolicy: GL-2026-000001\n"; got != want {
		t.Errorf("the script printed\n%s\nwant\n%s", got, want)
	}
	if list := r.must(200, "GET", "/v1/invoices?limit=100", ""); len(list["data"].([]any)) != 9 {
		t.Errorf("%d invoices, want 9", len(list["data"].([]any)))
	}
	r.stop()
	again := start(t, "serve", r.dataDir)
	if list := again.must(200, "GET", "/v1/policies", ""); len(list["data"].([]any)) != 1 {
		t.Errorf("after a restart: %v", list)
	}
	again.stop()
}

// A key with the scopes of the reference's own example can run its own script.
func TestReferenceKeyIsEnough(t *testing.T) {
	r := start(t, "serve", dataDir(t))
	secrets, err := readEnv(r.dataDir + "/secrets.env")
	if err != nil {
		t.Fatal(err)
	}
	token := r.must(200, "POST", "/auth/demo", `{"secret":"`+secrets["API_SECRET"]+`","as":"admin"}`)["token"].(string)
	made := r.must(201, "POST", "/v1/api-keys", `{"name":"Applied Epic Integration","scopes":["submissions:write","policies:read","coi:generate"],"expiresAt":null}`,
		"X-API-Key", "", "Authorization", "Bearer "+token)
	key := made["key"].(string)
	id := r.must(201, "POST", "/v1/submissions", builder, "X-API-Key", key)["id"].(string)
	r.must(201, "POST", "/v1/submissions/"+id+"/quote", "", "X-API-Key", key)
	r.must(201, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF"}`, "X-API-Key", key)
	r.must(200, "GET", "/v1/policies", "", "X-API-Key", key)
	r.must(403, "GET", "/v1/invoices", "", "X-API-Key", key)
	r.must(403, "GET", "/v1/api-keys", "", "X-API-Key", key)
	r.stop()
}

// A bind whose server is killed after the commit and before the answer is not
// made twice: the retry on a new server gets the first answer.
func TestReplayAcrossKill(t *testing.T) {
	dir := dataDir(t)
	first := start(t, "serve", dir)
	id := first.must(201, "POST", "/v1/submissions", builder)["id"].(string)
	first.must(201, "POST", "/v1/submissions/"+id+"/quote", "")
	first.stop()

	dying := start(t, "die", dir, "DIE_AFTER=1")
	bind := func(r *running) (answer, error) {
		return r.call("POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"MONTHLY_10"}`, "Idempotency-Key", "bind-1")
	}
	if a, err := bind(dying); err == nil {
		t.Fatalf("answered %+v before it was killed", a)
	}
	if err := dying.wait(); err == nil {
		t.Fatal("the server was not killed")
	}

	last := start(t, "serve", dir)
	a, err := bind(last)
	if err != nil || a.status != 201 || a.header.Get("Idempotent-Replayed") != "true" || a.body["policyNumber"] != "GL-2026-000001" {
		t.Errorf("retry: %+v, %v", a, err)
	}
	if list := last.must(200, "GET", "/v1/policies", ""); len(list["data"].([]any)) != 1 {
		t.Errorf("policies after the retry: %v", list)
	}
	last.stop()
}

// A server that starts with another list compares what is open with it.
func TestAnotherSanctionsListIsAskedAtTheStart(t *testing.T) {
	dir := dataDir(t)
	first := start(t, "serve", dir)
	id := first.must(201, "POST", "/v1/submissions", builder)["id"].(string)
	review := func(r *running) any { return r.must(200, "GET", "/v1/submissions/"+id, "")["sanctionsReview"] }
	if got := review(first); got != nil {
		t.Errorf("by the sample of names it is %v", got)
	}
	first.stop()
	list := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(list, []byte(`{"name":"List","entries":[{"id":"1","name":"Pacific Coast Bilders Ltda","programs":["X"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, "serve", dir, "SANCTIONS_LIST_FILE="+list)
	until(t, "somebody has to look at the insured", func() bool { return review(again) == "pending" })
	again.stop()
}

func TestTwoServersOnOneMachine(t *testing.T) {
	a, b := start(t, "serve", dataDir(t)), start(t, "serve", dataDir(t))
	a.must(201, "POST", "/v1/submissions", builder)
	if list := b.must(200, "GET", "/v1/submissions", ""); len(list["data"].([]any)) != 0 {
		t.Errorf("the other server has %v", list)
	}
	a.stop()
	b.must(200, "GET", "/v1/submissions", "")
	b.stop()
}

func TestProductionRefusesToMakeThingsUp(t *testing.T) {
	cmd := exec.Command(os.Args[0], "serve") //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), roleEnv+"=serve", "ENVIRONMENT=production", "ADDR=127.0.0.1:0", "DATA_DIR="+dataDir(t))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "API_SECRET, ENCRYPTION_KEY, JWT_KEYS") {
		t.Errorf("%v: %s", err, out)
	}
}
