package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// marketWays lists every way of those who sell and of those in whose name is
// bound, by asking the rules themselves.
func marketWays() []way {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	today := civil.DateOf(at)
	var out []way
	add := func(machine, from, by, to string) {
		if w := (way{machine, from, by, to}); from != to && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}

	good := producer.License{State: "OR", Type: producer.PropertyCasualty, Effective: today, Expiration: today.AddYears(1), Status: producer.LicenseActive}
	for _, from := range producer.Statuses {
		for _, to := range producer.Statuses {
			if after, err := (producer.Producer{Status: from}).To(to, []producer.License{good}, at); err == nil {
				add("producer", string(from), "move", string(after.Status))
			}
		}
		if after, err := (producer.Producer{Status: from, Review: true}).Reviewed(false, at); err == nil {
			add("producer", string(from), "block", string(after.Status))
		}
	}
	add("review", "none", "rename", "pending")
	add("review", "clear", "rename", "pending")
	add("review", "pending", "clear", "clear")
	add("review", "pending", "block", "block")

	for _, from := range producer.LicenseStatuses {
		for _, to := range producer.LicenseStatuses {
			was := good
			was.Status = from
			if after, err := was.Amend(to, civil.Date{}, at); err == nil {
				add("license", string(from), "amend", string(after.Status))
			}
		}
		for _, days := range []int{30, 100} {
			l := producer.License{Status: from, Effective: today, Expiration: today.AddDays(days)}
			for day := -1; day <= days; day++ {
				add("standing", l.Standing(today.AddDays(day-1)), "pass", l.Standing(today.AddDays(day)))
			}
		}
	}

	for _, from := range producer.AppointmentStatuses {
		was := producer.Appointment{Status: from, Contract: today.AddDays(-1), Ended: today.AddDays(-1)}
		for _, to := range producer.AppointmentStatuses {
			if after, err := was.Take(producer.Step{To: to, Confirmation: "C-1", Cause: "Closed."}, at); err == nil {
				add("appointment", string(from), "step", string(after.Status))
			}
		}
		for day := range 60 {
			add("clock", clockOf(was.Overdue(today.AddDays(day)), string(from)), "pass", clockOf(was.Overdue(today.AddDays(day+1)), string(from)))
		}
	}

	for _, from := range delegated.Statuses {
		for _, to := range delegated.Statuses {
			switch {
			case from == delegated.Expired || to == delegated.Expired: // by its last day
				add("agreement", string(from), "move end", string(to))
				if to == delegated.Expired {
					add("agreement", string(from), "pass", string(to))
				}
			default:
				add("agreement", string(from), "change", string(to))
			}
		}
	}
	for _, from := range carrier.Statuses {
		for _, to := range carrier.Statuses {
			add("carrier", from, "change", to)
		}
	}
	add("reservation", "none", "accept", "held")
	add("reservation", "held", "bind", "used")
	add("reservation", "held", "leave", "over")
	add("reservation", "held", "pass", "over")
	return out
}

// clockOf is how the clock of an appointment stands.
func clockOf(overdue bool, status string) string {
	if overdue {
		return status + " overdue"
	}
	return status + " in time"
}

// lookAtProducer reads where a tale's producer stands with all that is on file.
func (t *tale) lookAtProducer(s snapshot) {
	t.t.Helper()
	if t.producer == "" {
		return
	}
	p := t.must("ada", "GET", "/v1/producers/"+t.producer, nil)
	s["producer"][t.producer], s["review"][t.producer] = p["status"].(string), "none"
	reviewed, _ := p["screening"].(map[string]any)["reviewed"].(map[string]any)
	switch {
	case p["sanctionsReviewPending"] == true:
		s["review"][t.producer] = "pending"
	case reviewed != nil:
		s["review"][t.producer] = reviewed["decision"].(string)
	}
	for _, l := range p["licenses"].([]any) {
		l := l.(map[string]any)
		id, status := l["id"].(string), l["status"].(string)
		s["license"][id], s["standing"][id+" "+status] = status, l["standing"].(string)
	}
	for _, a := range p["appointments"].([]any) {
		a := a.(map[string]any)
		id, status := a["id"].(string), a["status"].(string)
		s["appointment"][id], s["clock"][id+" "+status] = status, clockOf(a["overdue"].(bool), status)
	}
}

// likeSanctioned is a name that somebody has to look at.
const likeSanctioned = "Viktor Zelezny Morosenco"

// takeOn takes a producer on who brings the tale's submission: by a name,
// licensed and appointed in Oregon, unless the tale says otherwise.
func (t *tale) takeOn(name string, license fields) {
	t.t.Helper()
	t.producers++
	t.producer = t.must("ada", "POST", "/v1/producers", fields{
		"type": "agency", "legalName": name, "npn": fmt.Sprint(7000 + t.producers), "email": "sales@agency.example",
	})["id"].(string)
	t.asked = fields{"producerId": t.producer}
	t.note(license)
	t.must("ada", "POST", "/v1/producers/"+t.producer+"/appointments", fields{"carrier": "Summit Casualty", "state": "OR"})
}

// note notes a license, in Oregon and for long unless it says otherwise.
func (t *tale) note(license fields) string {
	t.t.Helper()
	return t.must("ada", "POST", "/v1/producers/"+t.producer+"/licenses", fields{
		"number": "OR-1", "type": "property_casualty", "state": "OR", "effectiveDate": "2020-01-01", "expirationDate": "2199-01-01",
	}.with(license))["id"].(string)
}

// producerBecomes moves the producer to a state.
func (t *tale) producerBecomes(status string) {
	t.t.Helper()
	t.patch("move", "/v1/producers/"+t.producer+"/status", fields{"status": status})
}

func (t *tale) reviewed(decision string) {
	t.t.Helper()
	t.act("review", "ada", "/v1/producers/"+t.producer+"/sanctions-review", fields{"decision": decision, "rationale": "Born in 1990."})
}

func (t *tale) renamed(name string) {
	t.t.Helper()
	t.patch("rename", "/v1/producers/"+t.producer, fields{"legalName": name})
}

func (t *tale) licenseBecomes(id, status string) {
	t.t.Helper()
	t.patch("license", "/v1/producers/"+t.producer+"/licenses/"+id, fields{"status": status})
}

func (t *tale) appointmentBecomes(status string) {
	t.t.Helper()
	id := sorted(t.before["appointment"])[0]
	t.patch("appoint", "/v1/producers/"+t.producer+"/appointments/"+id, fields{
		"status": status, "confirmationNumber": map[string]string{"active": "C-1"}[status], "reason": map[string]string{"terminated": "Closed."}[status],
	})
}

// patch is act for what an administrator changes.
func (t *tale) patch(act, path string, body fields) {
	t.t.Helper()
	t.must("ada", "PATCH", path, body)
	t.went(act)
}

// sells binds when nothing is in the way, and otherwise checks that exactly this
// is.
func (t *tale) sells(blockers ...string) {
	t.t.Helper()
	if len(blockers) == 0 {
		t.bind("PIF")
		return
	}
	status, out := t.as("una", "POST", "/v1/submissions/"+t.submission+"/bind", fields{"installmentPlan": "PIF"})
	details, _ := out["details"].(map[string]any)
	if got := fmt.Sprint(details["blockers"]); status != 422 || got != "["+strings.Join(blockers, " ")+"]" {
		t.fail("bind: %d %v, want %v", status, out, blockers)
	}
}

// addProducers adds a tale for every way of those who sell: what they bring is
// bound when they may sell it, and not otherwise.
func addProducers(tales map[string]func(*tale)) {
	for _, w := range allWays {
		tell := map[string]func(*tale, way){
			"producer": (*tale).producerGoes, "review": (*tale).reviewGoes, "license": (*tale).licenseGoes, "appointment": (*tale).appointmentGoes,
		}[w.machine]
		if tell == nil {
			continue
		}
		tales[fmt.Sprintf("%s: %s, %s, %s", w.machine, w.from, w.by, w.to)] = func(t *tale) {
			tell(t, w)
			if t.taken[w] == 0 {
				t.fail("it did not go %v", w)
			}
		}
	}
	tales["licenses: as time passes"] = func(t *tale) {
		day := func(days int) string { return civil.DateOf(t.at(t.day + days)).String() }
		t.takeOn("Agency of time", fields{"effectiveDate": day(3), "expirationDate": day(400)})
		t.note(fields{"number": "2", "expirationDate": day(62), "state": "CA"})
		t.note(fields{"number": "3", "expirationDate": day(6), "state": "CA"})
		t.note(fields{"number": "4", "effectiveDate": day(3), "expirationDate": day(20), "state": "CA"})
		t.note(fields{"number": "5", "effectiveDate": day(3), "expirationDate": day(6), "state": "CA", "status": "pending_renewal"})
		t.begin("GL", "plain")
		t.producerBecomes("active")
		t.rate(nil)
		t.sells("producer_not_licensed")
		t.wait(4)
		t.wait(3)
		t.sells()
	}
	tales["clock: an appointment is not filed in time"] = func(t *tale) {
		t.takeOn("Agency that waits", nil)
		t.begin("WC", "plain")
		t.producerBecomes("active")
		t.rate(nil)
		t.wait(15)
		t.wait(1)
		t.sells("producer_not_appointed")
		t.appointmentBecomes("filed") // late, and the state has it
		t.sells()
	}
	tales["clock: the end of an appointment is not noticed in time"] = func(t *tale) {
		t.takeOn("Agency that ended", nil)
		t.begin("WC", "plain")
		t.producerBecomes("active")
		t.appointmentBecomes("terminated")
		t.wait(31)
		t.rate(nil)
		t.sells("producer_not_appointed")
		t.appointmentBecomes("noticed")
	}
	tales["sanctions: a name on the list"] = func(t *tale) {
		t.begin("GL", "plain")
		t.refused("sanctions_match", "ada", "/v1/producers", fields{"type": "individual", "legalName": "Morozenko, Viktor Zhelezny", "npn": "66", "email": "v@m.example"})
	}
}

func (t *tale) producerGoes(w way) {
	t.t.Helper()
	name := "Agency " + t.name
	if w.by == "block" && w.from == "pending" {
		name = likeSanctioned
	}
	t.takeOn(name, nil)
	t.begin("GL", "plain")
	t.rate(nil)
	if w.from != "pending" {
		t.producerBecomes("active")
	}
	if w.from == "suspended" {
		t.producerBecomes("suspended")
	}
	if w.by == "move" {
		if w.from != "active" {
			t.sells("producer_not_active")
		}
		t.producerBecomes(w.to)
	} else {
		if w.from != "pending" {
			t.renamed(likeSanctioned)
		}
		t.reviewed("block")
	}
	if w.to == "active" {
		t.sells()
	} else {
		t.sells("producer_not_active")
	}
}

func (t *tale) reviewGoes(w way) {
	t.t.Helper()
	name := likeSanctioned
	if w.from == "none" {
		name = "Agency " + t.name
	}
	t.takeOn(name, nil)
	t.begin("CYBER", "plain")
	t.rate(nil)
	switch w.from {
	case "none":
		t.producerBecomes("active")
	case "clear":
		t.reviewed("clear")
		t.producerBecomes("active")
	case "pending":
		t.sells("producer_not_active", "producer_sanctions_review")
	}
	switch w.by {
	case "rename":
		t.renamed(map[string]string{"none": likeSanctioned, "clear": "Victor Zelezny Morosenco"}[w.from])
		t.sells("producer_sanctions_review")
	case "block":
		t.reviewed("block")
		t.sells("producer_not_active")
	case "clear":
		t.reviewed("clear")
		t.producerBecomes("active")
		t.sells()
	}
}

func (t *tale) licenseGoes(w way) {
	t.t.Helper()
	t.takeOn("Agency "+t.name, fields{"state": "CA"}) // it is active by this one
	license := t.note(fields{"status": w.from})
	t.begin("GL", "plain")
	t.producerBecomes("active")
	t.rate(nil)
	t.licenseBecomes(license, w.to)
	if w.to == "suspended" || w.to == "revoked" {
		t.sells("producer_not_licensed")
	} else {
		t.sells()
	}
	if w.to == "revoked" {
		if status, out := t.as("ada", "PATCH", "/v1/producers/"+t.producer+"/licenses/"+license, fields{"status": "active"}); status != 422 || out["error"] != "license_revoked" {
			t.fail("revoked and back: %d %v", status, out)
		}
	}
}

func (t *tale) appointmentGoes(w way) {
	t.t.Helper()
	t.takeOn("Agency "+t.name, nil)
	t.begin("UMBRELLA", "plain")
	t.producerBecomes("active")
	t.rate(nil)
	for _, step := range map[string][]string{"filed": {"filed"}, "active": {"filed", "active"}, "terminated": {"terminated"}}[w.from] {
		t.appointmentBecomes(step)
	}
	t.appointmentBecomes(w.to)
	if w.to == "filed" || w.to == "active" {
		t.sells()
	} else {
		t.sells("producer_not_appointed")
	}
}
