package main

// addDrafts adds tales that begin before their submission is received. The room
// shows nothing of what was before.
func addDrafts(tales map[string]func(*tale)) {
	tales["draft: it is written, and submitted"] = func(t *tale) {
		t.submission = t.must("una", "POST", "/v1/submissions/drafts", fields{"insuredName": t.name, "lineOfBusiness": "CYBER"})["id"].(string)
		t.before = t.look()
		path := "/v1/submissions/" + t.submission
		t.refused("validation_failed", "una", path+"/submit", nil)
		for _, op := range []string{"/quote", "/claim"} {
			t.refused("submission_state", "una", path+op, nil)
		}
		t.refused("submission_state", "una", path+"/bind", fields{"installmentPlan": "PIF"})
		t.refused("not_found", "maria", path+"/submit", nil)
		t.wait(3)
		status, out := t.as("una", "PATCH", path, risk("CYBER", "plain"))
		if status != 200 || out["status"] != "draft" {
			t.fail("corrected: %d %v", status, out)
		}
		t.wait(4)
		t.act("send", "una", path+"/submit", nil)
		if t.before["submission"][t.submission] != "received" {
			t.fail("it is %s", t.before["submission"][t.submission])
		}
		t.room = t.must("una", "POST", "/v1/deal-rooms", fields{"submissionId": t.submission, "participants": []fields{{"email": "ben@harbor.example", "role": "broker"}}})["id"].(string)
		t.before = t.look()
		t.refused("submission_state", "una", path+"/submit", nil)
		t.rate(nil)
		t.bind("PIF")
	}
}
