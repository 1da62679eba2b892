package audit

import "github.com/openinsure/openinsure/internal/access"

// A Suspicion is a refusal of which more is known than whoever is refused may be
// told: whose the credential was, or what he was after.
type Suspicion struct {
	error
	By     access.Actor // without a Kind: of whose organisation it is, by nobody known
	Object string       // the id of what he was after
	Reason string       // beyond the code that he is told
}

// Suspect notes what is known of a refusal.
func Suspect(err error, by access.Actor, object, reason string) error {
	return &Suspicion{err, by, object, reason}
}

// Unwrap returns what whoever is refused is told.
func (s *Suspicion) Unwrap() error { return s.error }
