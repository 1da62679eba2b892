package submission

import "time"

// Submitted returns the draft as received.
func (s Submission) Submitted(at time.Time) (Submission, error) {
	if err := s.may(Submit); err != nil {
		return s, err
	}
	if err := s.CheckAt(at); err != nil {
		return s, err
	}
	return s.take(Submit, Received, at)
}

// DraftEnds is when a draft that nobody touches is forgotten.
func (s Submission) DraftEnds() time.Time { return s.UpdatedAt.UTC().AddDate(0, 0, IdleDays) }
