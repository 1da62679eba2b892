package push_test

import (
	"testing"
	"time"

	"github.com/openinsure/openinsure/push"
)

func TestDoubt(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name            string
		delivered, dead int // five minutes' worth
		want            bool
	}{
		{"nothing was ever delivered", 0, 1, false},
		{"a few where little is sent", 1, 3, true},
		{"more than a few where little is sent", 1, 4, false},
		{"one in a hundred", 990, 10, true},
		{"more than one in a hundred", 990, 11, false},
		{"all of many", 1, 1000, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d push.Doubt
			for i := range tt.delivered {
				d.Delivered(noon.Add(time.Duration(i) * 4 * time.Minute / time.Duration(tt.delivered)))
			}
			var got bool
			for i := range tt.dead {
				got = d.Dead(noon.Add(4*time.Minute + time.Duration(i)*time.Millisecond))
			}
			if got != tt.want {
				t.Errorf("believed = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestDoubtForgets(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var d push.Doubt
	d.Delivered(noon)
	for range 10 {
		d.Dead(noon)
	}
	if d.Dead(noon.Add(4 * time.Minute)) {
		t.Error("four minutes later it is believed, want doubted")
	}
	if !d.Dead(noon.Add(10 * time.Minute)) {
		t.Error("ten minutes later it is doubted, want believed")
	}
}
