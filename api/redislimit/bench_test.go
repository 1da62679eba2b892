package redislimit_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/hub/redistest"
)

// BenchmarkTake is what counting costs a request, alone and with 256 at once.
func BenchmarkTake(b *testing.B) {
	ways := map[string]func(*testing.B) api.Limiter{
		"memory": func(*testing.B) api.Limiter { return api.NewMemoryLimiter(time.Now) },
		"redis":  func(b *testing.B) api.Limiter { return open(b, redistest.Start(b).URL()) },
	}
	bucket := api.Bucket{Name: "default", Limit: 1 << 40}
	for _, way := range []string{"memory", "redis"} {
		b.Run(way+"/alone", func(b *testing.B) {
			l := ways[way](b)
			for b.Loop() {
				l.Take(b.Context(), "actor:1", 1, bucket)
			}
		})
		b.Run(way+"/256", func(b *testing.B) {
			l := ways[way](b)
			var owners atomic.Int64
			b.SetParallelism(128) // of two cores
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				owner := "actor:" + strconv.FormatInt(owners.Add(1), 10)
				for pb.Next() {
					l.Take(b.Context(), owner, 1, bucket)
				}
			})
		})
	}
}
