package redislimit

import (
	"crypto/sha1" //nolint:gosec // the name that Redis gives a script
	_ "embed"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/openinsure/openinsure/api"
)

//go:embed take.lua
var takeScript string

var takeSHA = func() string {
	sum := sha1.Sum([]byte(takeScript)) //nolint:gosec // the name that Redis gives a script
	return hex.EncodeToString(sum[:])
}()

// trial is what a new connection is tried with; it is never full.
var trial = []api.Bucket{{Name: "trial", Limit: 1 << 40}}

// keys are one for each bucket, all in the owner's slot of a cluster.
func (l *Limiter) keys(q *question) []string {
	keys := make([]string, len(q.buckets))
	for i, b := range q.buckets {
		keys[i] = l.cfg.Prefix + ":rate:{" + q.owner + "}:" + b.Name
	}
	return keys
}

func (l *Limiter) args(q *question) []any {
	args := make([]any, 2, 2+len(q.buckets))
	args[0], args[1] = l.window.Milliseconds(), q.cost
	for _, b := range q.buckets {
		args = append(args, b.Limit)
	}
	return args
}

// quota reads the script's answer: the server's time and what was used
// before.
func (l *Limiter) quota(q *question, cmd *redis.Cmd) (api.Quota, error) {
	said, err := cmd.Int64Slice()
	if err != nil {
		return api.Quota{}, err
	}
	if len(said) != 1+len(q.buckets) {
		return api.Quota{}, fmt.Errorf("the script answered %d numbers for %d buckets", len(said), len(q.buckets))
	}
	used := make([]int, len(q.buckets))
	for i := range used {
		used[i] = int(said[1+i])
	}
	quota := api.QuotaOf(q.cost, q.buckets, used)
	now := time.UnixMilli(said[0])
	window := l.window.Milliseconds()
	quota.Reset = time.UnixMilli(said[0] - said[0]%window + window)
	quota.In = quota.Reset.Sub(now)
	return quota, nil
}
