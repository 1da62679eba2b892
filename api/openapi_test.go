package api

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/openinsure/openinsure/internal/access"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The contract is generated from the Go types; this copy makes every change of
// it visible. After a change that is meant, run: go test ./api -run OpenAPI -update
func TestOpenAPIGolden(t *testing.T) {
	a := New(Deps{}, Config{Version: "golden"})
	a.RegisterAll(Platform{Door: &Door{Tokens: &access.Tokens{}}})
	const file = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(file, a.OpenAPI(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.OpenAPI(), want) {
		t.Errorf("the contract has changed: see what go test ./api -run OpenAPI -update does to %s", file)
	}
}
