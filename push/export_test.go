package push

import "time"

// Unprompted is c for a Dispatcher that leases only when it is told of something.
func Unprompted(c Config) Config {
	c.look = time.Hour
	return c
}
