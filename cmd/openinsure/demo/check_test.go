package demo

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// A performance is a small deal, told as it must be: one fact that everybody
// hears, its card, and what a company says among itself.
type performance struct {
	facts    []*Fact
	receipts []Receipt
	books    Books

	una, ben, desk, hook, phone, inbox *Ear
}

// at is a moment of the performance, in ms.
func at(ms int) time.Time {
	return time.Date(2026, 3, 2, 12, 0, 0, ms*int(time.Millisecond), time.UTC)
}

func newPerformance() *performance {
	p := &performance{
		una: &Ear{Name: "Una", Way: Socket}, ben: &Ear{Name: "Ben", Way: Socket}, desk: &Ear{Name: "Una's desk", Way: Socket},
		hook: &Ear{Name: "the webhook", Way: Webhook}, phone: &Ear{Name: "Pat's iPhone", Way: IPhone}, inbox: &Ear{Name: "Pat's inbox", Way: Inbox},
	}
	bound := json.RawMessage(`{"policyId":"pol_1","policyNumber":"GL-1"}`)
	shown := json.RawMessage(`{"card":"policy.bound","policyId":"pol_1"}`)
	whispered := json.RawMessage(`{"messageId":"msg_1","body":"12,000"}`)
	p.facts = []*Fact{
		{Type: "policy.bound", Name: "pol_1", Asked: at(0), Listed: true, Heard: []*Ear{p.una, p.hook, p.phone, p.inbox}},
		{Type: card, Name: "policy.bound pol_1", Asked: at(0), Heard: []*Ear{p.una, p.ben}},
		{Type: "deal_room.message_posted", Name: "msg_1", Asked: at(0), Heard: []*Ear{p.desk}},
	}
	p.receipts = []Receipt{
		{Ear: p.una, At: at(4), Event: "evt_1", Type: "policy.bound", Name: "pol_1", Lane: "Una, underwriting", Seq: 7, Data: bound},
		{Ear: p.una, At: at(5), Event: "evt_2", Type: card, Name: "policy.bound pol_1", Lane: "Una, room", Seq: 3, Data: shown},
		{Ear: p.ben, At: at(5), Event: "evt_2", Type: card, Name: "policy.bound pol_1", Lane: "Ben, room", Seq: 3, Data: shown},
		{Ear: p.hook, At: at(11), Event: "evt_1", Type: "policy.bound", Name: "pol_1", Data: bound},
		{Ear: p.phone, At: at(14), Event: "evt_1", Type: "policy.bound"},
		{Ear: p.inbox, At: at(12), Event: "evt_1", Type: "policy.bound", Lane: "Pat, his own", Seq: 1},
		{Ear: p.desk, At: at(2), Event: "evt_3", Type: "deal_room.message_posted", Name: "msg_1", Lane: "Una, desk", Seq: 1, Data: whispered},
	}
	p.books = Books{
		Listed:     []envelope{{ID: "evt_1", Type: "policy.bound", Timestamp: at(3), Data: bound}},
		Endpoint:   p.hook,
		Deliveries: []delivery{{EventID: "evt_1", Type: "policy.bound", State: "delivered", Attempts: 1}},
		Inboxes:    map[*Ear][]mark{p.inbox: {{EventID: "evt_1", Type: "policy.bound"}}},
	}
	return p
}

// drop takes away what came at an ear.
func (p *performance) drop(e *Ear) {
	p.receipts = slices.DeleteFunc(p.receipts, func(r Receipt) bool { return r.Ear == e })
}

// again lets what came at an ear come once more.
func (p *performance) again(e *Ear) {
	p.receipts = append(p.receipts, *p.of(e))
}

func (p *performance) of(e *Ear) *Receipt {
	return &p.receipts[slices.IndexFunc(p.receipts, func(r Receipt) bool { return r.Ear == e })]
}

func TestCheck(t *testing.T) {
	other := json.RawMessage(`{"policyId":"pol_1","policyNumber":"GL-2"}`)
	tests := []struct {
		name  string
		spoil func(p *performance)
		want  []string // the beginning of each problem
	}{
		{"as it must be", func(*performance) {}, nil},
		{"members of an object in another order", func(p *performance) {
			p.of(p.hook).Data = json.RawMessage(`{"policyNumber": "GL-1", "policyId": "pol_1"}`)
		}, nil},
		{"metadata that stays inside", func(p *performance) {
			p.of(p.hook).Data = json.RawMessage(`{"policyId":"pol_1","policyNumber":"GL-1","metadata":{"a":"b"}}`)
		}, nil},
		{"metadata that is another's", func(p *performance) {
			p.of(p.una).Data = json.RawMessage(`{"policyId":"pol_1","policyNumber":"GL-1","metadata":{"a":"c"}}`)
			p.of(p.hook).Data = json.RawMessage(`{"policyId":"pol_1","policyNumber":"GL-1","metadata":{"a":"b"}}`)
		}, []string{"two contents: policy.bound evt_1 says something else at the webhook than at Una"}},
		{"a phone did not ring", func(p *performance) { p.drop(p.phone) }, []string{"missing: policy.bound pol_1 did not reach Pat's iPhone"}},
		{"nobody heard a card", func(p *performance) {
			p.receipts = slices.DeleteFunc(p.receipts, func(r Receipt) bool { return r.Type == card })
		}, []string{"missing: the card policy.bound pol_1 did not reach Una", "missing: the card policy.bound pol_1 did not reach Ben"}},
		{"a phone rang twice", func(p *performance) { p.again(p.phone) }, []string{"doubled: policy.bound pol_1 reached Pat's iPhone 2 times"}},
		{"a webhook came twice", func(p *performance) { p.again(p.hook) }, []string{
			"doubled: policy.bound pol_1 reached the webhook 2 times", "deliveries: policy.bound evt_1 is said to be delivered after 1 attempts, and came 2 times",
		}},
		{"an entry came twice", func(p *performance) { p.again(p.ben) }, []string{
			"doubled: the card policy.bound pol_1 reached Ben 2 times", "out of order: 3 came after 3 at Ben, room",
		}},
		{"the other company heard the desk", func(p *performance) {
			r := *p.of(p.desk)
			r.Ear, r.Lane, r.Seq = p.ben, "Ben, room", 4
			p.receipts = append(p.receipts, r)
		}, []string{"overheard: deal_room.message_posted msg_1 reached Ben, who must not hear it"}},
		{"a webhook told of the desk", func(p *performance) {
			r := *p.of(p.desk)
			r.Ear, r.Lane, r.Seq = p.hook, "", 0
			p.receipts = append(p.receipts, r)
		}, []string{"overheard: deal_room.message_posted msg_1 reached the webhook", "deliveries: evt_3 came, and no delivery says so"}},
		{"the list tells of the desk", func(p *performance) {
			p.books.Listed = append(p.books.Listed, envelope{ID: "evt_3", Type: "deal_room.message_posted"})
		}, []string{"two contents: deal_room.message_posted evt_3", "overheard: deal_room.message_posted msg_1 is in GET /v1/events"}},
		{"a webhook is not signed", func(p *performance) { p.of(p.hook).Fault = "no signature is good" }, []string{
			"refused: policy.bound pol_1 at the webhook: no signature is good",
		}},
		{"a gap on a socket", func(p *performance) {
			r := *p.of(p.una)
			r.Seq, r.Event, r.Name = 9, "evt_9", "pol_9"
			p.receipts = append(p.receipts, r)
			p.facts = append(p.facts, &Fact{Type: "policy.bound", Name: "pol_9", Asked: at(0), Heard: []*Ear{p.una}})
		}, []string{"out of order: 9 came after 7 at Una, underwriting"}},
		{"a fact has two ids", func(p *performance) { p.of(p.hook).Event = "evt_8" }, []string{
			"missing: policy.bound pol_1 did not reach the webhook", "invented: policy.bound pol_1 reached the webhook",
			"two ids: policy.bound pol_1 is evt_1, and evt_8 at the webhook", "invented: the webhook policy.bound evt_8 is not in GET /v1/events",
			"deliveries: policy.bound evt_1 is said to be delivered after 1 attempts, and came 0 times",
		}},
		{"a push has another id", func(p *performance) { p.of(p.phone).Event = "evt_8" }, []string{
			"missing: policy.bound pol_1 did not reach Pat's iPhone", "invented: policy.bound evt_8 reached Pat's iPhone",
		}},
		{"a webhook says something else", func(p *performance) { p.of(p.hook).Data = other }, []string{
			"two contents: policy.bound evt_1 says something else at the webhook than at Una",
		}},
		{"the list says something else", func(p *performance) { p.books.Listed[0].Data = other }, []string{
			"two contents: policy.bound evt_1 says something else in GET /v1/events than at Una",
		}},
		{"the list lacks it", func(p *performance) { p.books.Listed = nil }, []string{"missing: policy.bound pol_1 is not in GET /v1/events"}},
		{"the list has it twice", func(p *performance) { p.books.Listed = append(p.books.Listed, p.books.Listed[0]) }, []string{
			"doubled: policy.bound pol_1 is in GET /v1/events 2 times",
		}},
		{"the list has more", func(p *performance) {
			p.books.Listed = append(p.books.Listed, envelope{ID: "evt_5", Type: "policy.bound"})
		}, []string{
			"invented: GET /v1/events has policy.bound evt_5, which nobody heard",
		}},
		{"a delivery needed two attempts", func(p *performance) { p.books.Deliveries[0].Attempts = 2 }, []string{
			"deliveries: policy.bound evt_1 is said to be delivered after 2 attempts",
		}},
		{"a delivery is still owed", func(p *performance) {
			p.books.Deliveries = append(p.books.Deliveries, delivery{EventID: "evt_4", Type: "invoice.created", State: "pending"})
		}, []string{"deliveries: invoice.created evt_4 is said to be pending after 0 attempts, and came 0 times"}},
		{"an inbox lacks a row", func(p *performance) { p.books.Inboxes[p.inbox] = nil }, []string{"Pat's inbox has policy.bound pol_1 0 times"}},
		{"an inbox has a row twice", func(p *performance) {
			p.books.Inboxes[p.inbox] = append(p.books.Inboxes[p.inbox], p.books.Inboxes[p.inbox]...)
		}, []string{
			"Pat's inbox has policy.bound pol_1 2 times",
		}},
		{"an inbox has a row of somebody else", func(p *performance) {
			p.books.Inboxes[p.inbox] = append(p.books.Inboxes[p.inbox], mark{EventID: "evt_3", Type: "deal_room.message_posted"})
		}, []string{"invented: Pat's inbox has deal_room.message_posted evt_3"}},
		{"others use the server too", func(p *performance) {
			p.books.Strangers = true
			p.receipts = append(p.receipts, Receipt{Ear: p.una, Event: "evt_5", Type: "policy.bound", Name: "pol_5", Lane: "Una, underwriting", Seq: 8})
			p.books.Listed = append(p.books.Listed, envelope{ID: "evt_6", Type: "policy.bound"})
			p.books.Inboxes[p.inbox] = append(p.books.Inboxes[p.inbox], mark{EventID: "evt_5", Type: "policy.bound"})
		}, nil},
		{"others use the server, and a webhook is invented", func(p *performance) {
			p.books.Strangers = true
			p.receipts = append(p.receipts, Receipt{Ear: p.hook, Event: "evt_5", Type: "policy.bound", Name: "pol_5"})
		}, []string{"invented: the webhook policy.bound evt_5 is not in GET /v1/events"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPerformance()
			tt.spoil(p)
			got := Check(p.facts, p.receipts, p.books)
			if len(got) != len(tt.want) {
				t.Fatalf("got %d problems, want %d:\n%s", len(got), len(tt.want), strings.Join(got, "\n"))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("problem %d is %q, want it to begin with %q", i, got[i], want)
				}
			}
		})
	}
}
