package fcm

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/openinsure/openinsure/push"
)

// limits hold back what Google would refuse: it takes so much a minute of one
// project and so much for one phone, and lets whoever asks for more wait long.
type limits struct {
	project   *rate.Limiter
	perMinute int // for one phone

	mu     sync.Mutex
	turned time.Time // guarded by mu; when recent became earlier
	// Phones of this minute and of the one before; both guarded by mu. A phone
	// that is in neither has its full allowance again, so nothing is forgotten.
	recent, earlier map[push.DeviceID]*rate.Limiter
}

func newLimits(perSecond, perMinute int) *limits {
	return &limits{
		project: rate.NewLimiter(rate.Limit(perSecond), perSecond), perMinute: perMinute,
		recent: map[push.DeviceID]*rate.Limiter{}, earlier: map[push.DeviceID]*rate.Limiter{},
	}
}

// wait takes one message to a phone off the allowances, or says how long it is
// until there is one, and which of the two it is that is used up.
func (l *limits) wait(device push.DeviceID, now time.Time) (d time.Duration, of string) {
	phone := l.phone(device, now).ReserveN(now, 1)
	if d := phone.DelayFrom(now); d > 0 {
		phone.CancelAt(now)
		return d, "phone"
	}
	project := l.project.ReserveN(now, 1)
	if d := project.DelayFrom(now); d > 0 {
		project.CancelAt(now)
		phone.CancelAt(now)
		return d, "project"
	}
	return 0, ""
}

func (l *limits) phone(device push.DeviceID, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch age := now.Sub(l.turned); {
	case age >= 2*time.Minute:
		clear(l.recent)
		clear(l.earlier)
		l.turned = now
	case age >= time.Minute:
		l.recent, l.earlier = l.earlier, l.recent
		clear(l.recent)
		l.turned = now
	}
	p := l.recent[device]
	if p == nil {
		if p = l.earlier[device]; p == nil {
			p = rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute)
		}
		l.recent[device] = p
	}
	return p
}
