package main

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/openinsure/openinsure/internal/audit"
)

// A head is where a chain ended once: what an operator keeps elsewhere, since
// whoever can change the whole database can make a new chain.
type head struct {
	seq  int64
	hash audit.Hash
}

// parseHead reads seq:hash; nil when there is none.
func parseHead(s string) (*head, error) {
	if s == "" {
		return nil, nil
	}
	n, text, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseInt(n, 10, 64)
	raw, bad := hex.DecodeString(text)
	if errors.Join(err, bad) != nil || seq < 1 || len(raw) != len(audit.Hash{}) {
		return nil, errors.New("--head is not of the form seq:hash")
	}
	return &head{seq, audit.Hash(raw)}, nil
}
