package pushtest

import "slices"

// The steps of a conversation at which an SMTP sink can misbehave.
const (
	SMTPHello = "EHLO"
	SMTPAuth  = "AUTH"
	SMTPFrom  = "MAIL"
	SMTPTo    = "RCPT"
	SMTPData  = "DATA"
)

// An SMTPFault is one way in which an SMTP sink misbehaves. Of Code, Hang and
// Drop one is set.
type SMTPFault struct {
	Step     string // SMTPHello to SMTPData
	Address  string // only mail to this recipient, from SMTPTo on; empty: all
	Code     int    // what it answers
	Enhanced [3]int // its finer code; zero: the general one of Code
	Text     string // and in words; it may hold %s for the recipient
	Hang     bool   // it says nothing more until the sink is closed
	Drop     bool   // it hangs up, at SMTPData in the middle of the mail
	Times    int    // how often before it behaves again; 0: always
}

// Faults that mail servers are known for.
var (
	SMTPNoSuchUser = SMTPFault{Step: SMTPTo, Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "<%s>: no such user here"}
	SMTPGreylisted = SMTPFault{Step: SMTPTo, Code: 451, Enhanced: [3]int{4, 7, 1}, Text: "<%s>: greylisted, try again later"}
	SMTPNoRelay    = SMTPFault{Step: SMTPTo, Code: 554, Enhanced: [3]int{5, 7, 1}, Text: "<%s>: relay access denied"}
	SMTPBadAuth    = SMTPFault{Step: SMTPAuth, Code: 535, Enhanced: [3]int{5, 7, 8}, Text: "authentication credentials invalid"}
	SMTPSpam       = SMTPFault{Step: SMTPData, Code: 554, Enhanced: [3]int{5, 7, 1}, Text: "message refused as spam"}
	SMTPTooMany    = SMTPFault{Step: SMTPFrom, Code: 421, Enhanced: [3]int{4, 7, 0}, Text: "too many connections from you"}
	SMTPHangs      = SMTPFault{Step: SMTPTo, Hang: true}
	SMTPDrops      = SMTPFault{Step: SMTPData, Drop: true}
)

// take returns the fault that is due at a step, if there is one.
func (s *SMTP) take(step, to string) (SMTPFault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Step != step || f.Address != "" && f.Address != to {
			continue
		}
		if f.Times == 1 {
			s.faults = slices.Delete(s.faults, i, i+1)
		} else if f.Times > 1 {
			f.Times--
		}
		return *f, true
	}
	return SMTPFault{}, false
}
