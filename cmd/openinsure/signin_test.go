package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push/pushtest"
)

// code waits for the mail with a code to an address in the outbox folder.
func (r *running) code(email string) string {
	r.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(r.dataDir, "mail", "*.eml"))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				r.t.Fatal(err)
			}
			m, err := pushtest.OpenMail(raw)
			if err != nil {
				r.t.Fatal(err)
			}
			code := regexp.MustCompile(`\b[0-9]{6}\b`).FindString(m.Text)
			if strings.Contains(m.Header.Get("To"), email) && strings.Contains(m.Header.Get("List-Id"), "sign-in") && code != "" {
				return code
			}
		}
	}
	r.t.Fatal("no mail with a code came")
	return ""
}

// A policyholder signs in as his app does: he asks for a code, reads it in his
// mail, and stays signed in by the tokens of his device, across a restart.
func TestPolicyholderSignsIn(t *testing.T) {
	r := start(t, "serve", dataDir(t))
	insured := strings.Replace(builder, `"lineOfBusiness":"GL"`, `"lineOfBusiness":"GL","insured":{"name":"Pat","email":"pat@example.com"}`, 1)
	id := r.must(201, "POST", "/v1/submissions", insured)["id"].(string)
	r.must(201, "POST", "/v1/submissions/"+id+"/quote", "")
	number := r.must(201, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF"}`)["policyNumber"].(string)
	if m := r.must(202, "POST", "/auth/policyholder-otp-request", `{"policyNumber":"`+number+`","email":"pat@example.com"}`, "X-API-Key", ""); m["status"] != "sent" {
		t.Errorf("asked: %v", m)
	}
	in := r.must(200, "POST", "/auth/policyholder-token", `{"policyNumber":"`+number+`","code":"`+r.code("pat@example.com")+`","device":"Pat's phone"}`, "X-API-Key", "")
	as := func(in map[string]any) []string {
		return []string{"X-API-Key", "", "Authorization", "Bearer " + in["token"].(string)}
	}
	if list := r.must(200, "GET", "/v1/policies", "", as(in)...); len(list["data"].([]any)) != 1 {
		t.Errorf("policies %v", list)
	}
	r.stop()

	again := start(t, "serve", r.dataDir)
	next := again.must(200, "POST", "/auth/policyholder-token/refresh", `{"refreshToken":"`+in["refreshToken"].(string)+`"}`, "X-API-Key", "")
	list := again.must(200, "GET", "/v1/portal/sessions", "", as(next)...)["data"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["device"] != "Pat's phone" || list[0].(map[string]any)["id"] != in["sessionId"] {
		t.Errorf("sessions %v", list)
	}
	again.must(204, "DELETE", "/v1/portal/sessions/"+in["sessionId"].(string), "", as(next)...)
	again.must(401, "GET", "/v1/policies", "", as(next)...)
	again.stop()
}
