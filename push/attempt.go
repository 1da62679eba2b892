package push

import "time"

// An Attempt is one try at a delivery as the log keeps it: one row for each,
// also when the node that made it died.
type Attempt struct {
	At      time.Time
	Number  int // 1 is the first of the delivery
	Outcome Outcome
	Code    int    // HTTP or SMTP status; 0: there was no answer
	Class   string // of what went wrong; empty when nothing did
	Detail  string // for people

	IP              string
	Timing          Timing
	RequestHeader   map[string][]string // without secrets
	ResponseHeader  map[string][]string
	ResponseBody    []byte // its beginning; it may be text in any encoding, or none
	ProviderMessage string
	Worker          string // the node
}
