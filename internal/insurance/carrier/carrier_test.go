package carrier_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
)

func summit() carrier.Carrier {
	return carrier.Carrier{Name: "Summit", Status: carrier.Active, Reporting: carrier.Reporting{Premium: carrier.Monthly, Claims: carrier.Quarterly, Lag: 15}}
}

func TestCarriersSayWhatIsWrong(t *testing.T) {
	if err := summit().Check(); err != nil {
		t.Fatal(err)
	}
	f, _ := errors.AsType[*fault.Error](carrier.Carrier{Name: " ", NAIC: "1", Email: "Bob <bob@summit.example>", Reporting: carrier.Reporting{Lag: 91}}.Check())
	if f == nil || fmt.Sprint(f.Fields()) != "[{name required} {naicNumber pattern} {email email} {status enum} {bordereauConfig.premiumFrequency enum} {bordereauConfig.claimsFrequency enum} {bordereauConfig.reportingLag max}]" {
		t.Errorf("%v", f)
	}
}

func TestTheAddressOfACarrierIsAllOfIts(t *testing.T) {
	for email, want := range map[string]bool{"": true, "bob@summit.example": true, "Bob <bob@summit.example>": false, "<bob@summit.example>": false, " bob@summit.example": false, "bob": false} {
		c := summit()
		c.Email = email
		if err := c.Check(); (err == nil) != want {
			t.Errorf("%q: %v", email, err)
		}
	}
}

func TestReportsAreDue(t *testing.T) {
	end := civil.Date{Year: 2026, Month: time.June, Day: 1}
	if d := summit().Reporting.Due(end); d != end.AddDays(15) {
		t.Errorf("due on %s", d)
	}
}
