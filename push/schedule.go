package push

import "time"

// The names of the schedules by which webhooks are retried.
const (
	StandardSchedule = "standard"          // what Standard Webhooks advises
	LegacySchedule   = "openinsure-legacy" // what the platform's older pages say
)

// mostWait bounds what a receiver may ask for by Retry-After.
const mostWait = 24 * time.Hour

// A Schedule is how long to wait after the first, second, … attempt that
// failed. After the last one there is no other.
type Schedule []time.Duration

// standard gives up after ten attempts and some 76 hours.
var standard = Schedule{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

var legacy = Schedule{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 12 * time.Hour}

// phones are worth less by the hour; a notice that has expired ends sooner.
var phones = Schedule{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}

var mails = Schedule{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// ScheduleOf returns the schedule of a delivery.
func ScheduleOf(d Delivery) Schedule {
	switch {
	case d.Kind == Mail:
		return mails
	case d.Kind != Webhook:
		return phones
	case d.Endpoint != nil && d.Endpoint.Schedule == LegacySchedule:
		return legacy
	}
	return standard
}

// Next returns how long to wait after so many attempts, at least as long as the
// receiver asked for, up to a day; ok is false when there is no other attempt.
// Spread, from 0 to 1, moves it by up to a fifth either way, so that what failed
// together does not come back together.
func (s Schedule) Next(attempts int, asked time.Duration, spread float64) (wait time.Duration, ok bool) {
	if attempts < 1 || attempts > len(s) {
		return 0, false
	}
	wait = s[attempts-1]
	wait += time.Duration((spread*2 - 1) * float64(wait) / 5)
	return max(wait, min(asked, mostWait)), true
}
