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
	f, _ := errors.AsType[*fault.Error](carrier.Carrier{Name: " ", NAIC: "1", Reporting: carrier.Reporting{Lag: 91}}.Check())
	if f == nil || fmt.Sprint(f.Fields()) != "[{name required} {naicNumber pattern} {status enum} {bordereauConfig.premiumFrequency enum} {bordereauConfig.claimsFrequency enum} {bordereauConfig.reportingLag max}]" {
		t.Errorf("%v", f)
	}
}

func TestReportsAreDue(t *testing.T) {
	end := civil.Date{Year: 2026, Month: time.June, Day: 1}
	if d := summit().Reporting.Due(end); d != end.AddDays(15) {
		t.Errorf("due on %s", d)
	}
}
