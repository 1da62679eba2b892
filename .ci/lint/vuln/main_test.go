package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An invented vulnerability of every Go is found where it is called, and not
// where it is of a symbol that nobody calls.
func TestScan(t *testing.T) {
	for symbol, found := range map[string]bool{"Marshal": true, "Unmarshal": false} {
		copied := filepath.Join(t.TempDir(), "db.ndjson.gz")
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(`{"schema_version":"1.3.1","id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z",` +
			`"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],` +
			`"ecosystem_specific":{"imports":[{"path":"encoding/json","symbols":["` + symbol + `"]}]}}]}`))
		_ = z.Close()
		if err := os.WriteFile(copied, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := scan(copied, "testdata/reaches", &out)
		if (err != nil) != found || strings.Contains(out.String(), "affected by 1 vulnerability") != found {
			t.Errorf("%s: %v\n%s", symbol, err, &out)
		}
	}
}

func TestTheCopyIsWhole(t *testing.T) {
	n, newest, err := unpack("db.ndjson.gz", t.TempDir())
	if err != nil || n < 4000 || newest < "GO-2026-6249" {
		t.Errorf("%d entries up to %s, %v", n, newest, err)
	}
	for name, b := range map[string]string{"empty": "", "no gzip": "x"} {
		file := filepath.Join(t.TempDir(), "db.gz")
		if err := os.WriteFile(file, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := scan(file, "testdata/reaches", &bytes.Buffer{}); err == nil {
			t.Errorf("%s: a scan by it says that all is well", name)
		}
	}
}
