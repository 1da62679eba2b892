package hub

import "time"

// A bucket lets rate frames through a second, and burst of them at once. It
// belongs to the goroutine that reads the session.
type bucket struct {
	rate, burst int
	tokens      float64
	last        int64 // ns
}

func newBucket(rate, burst int, now int64) bucket {
	return bucket{rate: rate, burst: burst, tokens: float64(burst), last: now}
}

// take reports whether one more frame is within the limit at an instant in ns.
func (b *bucket) take(now int64) bool {
	passed := time.Duration(max(0, now-b.last))
	b.tokens = min(float64(b.burst), b.tokens+passed.Seconds()*float64(b.rate))
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
