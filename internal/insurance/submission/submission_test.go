package submission_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

func TestOnlyLegalTransitions(t *testing.T) {
	at := time.Unix(1, 0)
	for _, from := range submission.Statuses {
		before := submission.Submission{Status: from}
		mayRate := from == submission.Received || from == submission.InReview || from == submission.Quoted || from == submission.Referred
		if after, err := before.Rated(submission.Quoted, at); errors.Is(err, submission.ErrState) == mayRate || (after.Status == submission.Quoted) != (mayRate || from == submission.Quoted) {
			t.Errorf("rate from %s: %s, %v", from, after.Status, err)
		}
		after, err := before.Bind(at)
		if mayBind := from == submission.Quoted; errors.Is(err, submission.ErrState) == mayBind || (after.Status == submission.Bound) != (mayBind || from == submission.Bound) {
			t.Errorf("bind from %s: %s, %v", from, after.Status, err)
		}
	}
}

func TestCheckKnowsTheStates(t *testing.T) {
	for state, ok := range map[string]bool{"OR": true, "DC": true, "XX": false, "or": false, "": false} {
		if err := (submission.Submission{State: state}).Check(); (err == nil) != ok {
			t.Errorf("%q: %v", state, err)
		}
	}
}

func TestErrStateSaysTheStatus(t *testing.T) {
	_, err := submission.Submission{Status: submission.Referred}.Bind(time.Unix(1, 0))
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind() != fault.Refused || f.Details()["status"] != submission.Referred {
		t.Errorf("err = %v", err)
	}
}
