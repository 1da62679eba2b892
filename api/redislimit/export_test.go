package redislimit

import "time"

// SetWindow makes windows short enough to see them end.
func (l *Limiter) SetWindow(d time.Duration) { l.window = d }
