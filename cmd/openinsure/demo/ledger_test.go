package demo

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLedgerWait(t *testing.T) {
	t.Run("until all heard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPerformance()
			l := NewLedger()
			began := time.Now()
			go func() {
				for _, r := range p.receipts {
					time.Sleep(time.Second)
					l.Hear(r)
				}
			}()
			seen := 0
			l.Wait(t.Context(), p.facts, func(*Account) { seen++ })
			if took := time.Since(began); took != 7*time.Second || seen != 8 {
				t.Errorf("waited %v and looked %d times, want 7s and 8", took, seen)
			}
		})
	})
	t.Run("until the deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPerformance()
			l := NewLedger()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			l.Wait(ctx, p.facts, func(*Account) {})
			if took := time.Since(began); took != deadline {
				t.Errorf("waited %v, want %v", took, deadline)
			}
		})
	})
}

func TestLedgerQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLedger()
		began := time.Now()
		go func() {
			for range 3 {
				time.Sleep(900 * time.Millisecond)
				l.Hear(Receipt{})
			}
		}()
		l.Quiet(t.Context(), time.Second)
		if took := time.Since(began); took != 3700*time.Millisecond {
			t.Errorf("waited %v, want a second after the last", took)
		}
	})
}

func TestNameOf(t *testing.T) {
	for kind, tt := range map[string]struct{ data, want string }{
		"submission.created":          {`{"submissionId":"sub_1"}`, "sub_1"},
		"submission.quoted":           {`{"submissionId":"sub_1","quoteId":"quo_1"}`, "quo_1"},
		"deal_room.created":           {`{"roomId":"room_1","submissionId":"sub_1"}`, "room_1"},
		"deal_room.participant_added": {`{"roomId":"room_1","participant":{"userId":"usr_1"}}`, "usr_1"},
		"deal_room.message_posted":    {`{"roomId":"room_1","messageId":"msg_1"}`, "msg_1"},
		"deal_room.card_posted":       {`{"card":"policy.bound","submissionId":"sub_1","policyId":"pol_1"}`, "policy.bound pol_1"},
		"referral.decided":            {`{"referralId":"ref_1","submissionId":"sub_1"}`, "ref_1"},
		"policy.bound":                {`{"policyId":"pol_1","submissionId":"sub_1"}`, "pol_1"},
		"invoice.created":             {`{"policyId":"pol_1","invoiceId":"inv_1"}`, "inv_1"},
		"claim.filed":                 {`{"policyId":"pol_1"}`, ""},
		"not.json":                    {`[`, ""},
	} {
		if got := nameOf(kind, []byte(tt.data)); got != tt.want {
			t.Errorf("%s %s is about %q, want %q", kind, tt.data, got, tt.want)
		}
	}
}
