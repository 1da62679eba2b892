package api

import (
	"strconv"
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
)

// etag returns the entity tag of a version: "3", quotes included.
func etag(version int) string { return strconv.Quote(strconv.Itoa(version)) }

// IfMatch is embedded in the input of a change to a versioned resource.
type IfMatch struct {
	Match []string `header:"If-Match" doc:"Refuses the change with 412 unless the resource still has this ETag."`
}

// Check returns fault.ErrStale when the client named versions and version is
// none of them. Hand it to the use case, which knows the version under its lock.
func (m IfMatch) Check(version int) error {
	if len(m.Match) == 0 {
		return nil
	}
	return m.tagged(etag(version))
}

// tagged returns fault.ErrStale when the client named none that is want.
func (m IfMatch) tagged(want string) error {
	for _, tag := range m.Match {
		// Proxies that compress weaken tags; a version is exact all the same.
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || tag == want {
			return nil
		}
	}
	return fault.ErrStale
}
