package webhook

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// retryAfter reads how long a receiver wants to be left alone, in seconds or
// until a date; 0 is anything else. No wish goes beyond MostWait.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds > int(MostWait/time.Second) {
			return MostWait // more digits than a number has
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(until.Sub(now), 0), MostWait)
}

// kept returns what the log keeps of an answer's header: in the order of names,
// the lines that fit into HeaderBytes.
func kept(h http.Header) http.Header {
	out := http.Header{}
	room := HeaderBytes
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			value = strings.ToValidUTF8(value, "\ufffd")
			if size := len(name) + len(value) + len(": \r\n"); size <= room {
				room -= size
				out[name] = append(out[name], value)
			}
		}
	}
	return out
}
