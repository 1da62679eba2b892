package webhook

import "time"

// Timeout returns what an attempt may take.
func (s *Sender) Timeout() time.Duration { return s.cfg.Timeout }
