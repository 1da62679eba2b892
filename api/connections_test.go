package api

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// TestOneConnection calls every POST of the contract with an Idempotency-Key, as
// one who may, where the pool has one connection. The key's transaction has it
// until the answer is kept: a request that waits for another one would, with as
// many at once as the pool has connections, wait for its like.
func TestOneConnection(t *testing.T) {
	scene := func() *scene {
		return newSceneOn(t, storetest.Open(t, store.Config{URL: storetest.URL(t), MaxConns: 1, TestClocks: true}))
	}
	s := scene()
	_, tables := readTables(t)
	all, _ := s.operations()
	asked := 0
	for _, d := range all {
		if d.Method != "POST" {
			continue
		}
		tb := tables[d.tag()]
		for _, way := range waysOf(d.ID) {
			k, on := calls[way], s
			if k.apart {
				on = scene()
			}
			who, want := whoMay(tb, way)
			asked++
			k.header = append([]string{"Idempotency-Key", fmt.Sprint("k", asked)}, k.header...)
			if got := on.home.try(who, d, k, on.home); got != want {
				t.Errorf("%s: %s gets %d with a key, where the table has %d", way, who, got, want)
			}
		}
	}
	if asked < 60 {
		t.Errorf("only %d calls", asked)
	}
}

// whoMay is the first of a table who succeeds with a call, and the status that
// he gets; an administrator where nobody does.
func whoMay(tb table, way string) (who string, status int) {
	for _, who = range tb.columns {
		own, _, _ := strings.Cut(tb.rows[way].cells[who], "/")
		if status, _ = strconv.Atoi(own); status >= 200 && status < 300 {
			return who, status
		}
	}
	own, _, _ := strings.Cut(tb.rows[way].cells["admin"], "/")
	status, _ = strconv.Atoi(own)
	return "admin", status
}
