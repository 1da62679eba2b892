package fault_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/fault"
)

var errTaken = fault.New(fault.Conflict, "taken", "That is taken.")

func TestErrorIsComparesCodes(t *testing.T) {
	err := fmt.Errorf("create room: %w", errTaken.Because(io.EOF).With("id", "room_1").Field("a", "unique"))
	if !errors.Is(err, errTaken) {
		t.Error("a specialised fault must still match its declaration")
	}
	if !errors.Is(err, io.EOF) {
		t.Error("the cause must stay reachable")
	}
	if errors.Is(err, fault.ErrNotFound) {
		t.Error("another code must not match")
	}
	if got := fault.KindOf(err); got != fault.Conflict {
		t.Errorf("KindOf = %v, want Conflict", got)
	}
	if got := fault.KindOf(io.EOF); got != fault.Internal {
		t.Errorf("KindOf(unclassified) = %v, want Internal", got)
	}
}

func TestSpecialisingLeavesTheDeclarationAlone(t *testing.T) {
	_ = errTaken.With("id", 1).Field("f", "r").Retry(time.Second).Saying("Other.")
	if len(errTaken.Details()) != 0 || len(errTaken.Fields()) != 0 || errTaken.RetryAfter() != 0 || errTaken.Message() != "That is taken." {
		t.Errorf("declaration changed: %+v", errTaken)
	}
	a := errTaken.Field("a", "x")
	b, c := a.Field("b", "x"), a.Field("c", "x")
	if b.Fields()[1].Field != "b" || c.Fields()[1].Field != "c" {
		t.Error("copies share a backing array")
	}
}

func TestComplaintsAreToldAtOnce(t *testing.T) {
	var c fault.Complaints
	if err := c.On(errTaken); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
	for i := range 50_000 {
		c.When(i%2 == 0, "a", "x")
	}
	f, ok := errors.AsType[*fault.Error](c.On(errTaken.Field("b", "y")))
	if !ok || len(f.Fields()) != 25_001 || f.Fields()[0].Field != "b" || len(errTaken.Fields()) != 0 {
		t.Errorf("blamed %d", len(f.Fields()))
	}
}

func TestEachFindsWhatIsNoneAndWhatComesTwice(t *testing.T) {
	var c fault.Complaints
	c.Each("s", []string{"OR", "XX", "OR", "XX"}, []string{"OR", "WA", "CA", "TX"})
	if got, want := fmt.Sprint(c), "[{s[1] enum} {s[2] unique} {s[3] enum} {s[3] unique}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOfAListThatIsTooLongNoItemIsLookedAt(t *testing.T) {
	var c fault.Complaints
	c.Each("s", make([]string, 1_000_000), []string{"OR", "WA"})
	if fits := c.Fits("t", 3, 2); fits || !c.Fits("u", 2, 2) || fmt.Sprint(c) != "[{s maxItems} {t maxItems}]" {
		t.Errorf("fits %t: %.100v", fits, c)
	}
}

func TestBlankIsWhatThePatternRefuses(t *testing.T) {
	pattern := regexp.MustCompile(`[^\s\p{Z}\p{C}]`)
	for text, want := range map[string]bool{"": true, " \t\n": true, "\u00a0": true, "\u3000\u2003": true, "\u200b\ufeff": true, "\x00": true, "a": false, " é\u00a0": false, "保": false} {
		if got := fault.Blank(text); got != want || pattern.MatchString(text) == want {
			t.Errorf("%q is blank: %t", text, got)
		}
	}
}
