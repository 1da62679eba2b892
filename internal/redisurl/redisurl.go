// Package redisurl reads the address of Redis as all of our clients do.
package redisurl

import (
	"crypto/tls"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// ErrAddress is of an address that cannot be read. It does not show the address,
// which may hold a password.
var ErrAddress = errors.New("the URL of Redis must be redis://user:password@host:port/db, rediss://… or unix://…")

// quiet ends what the library writes to standard error by itself: we report
// its errors, once for each change.
var quiet = sync.OnceFunc(logging.Disable)

// Parse reads redis://, rediss:// (TLS 1.2 or newer) or unix://. It does not
// connect.
func Parse(address string) (*redis.Options, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, ErrAddress
	}
	quiet()
	if options.TLSConfig != nil {
		options.TLSConfig.MinVersion = max(options.TLSConfig.MinVersion, tls.VersionTLS12)
	}
	return options, nil
}
