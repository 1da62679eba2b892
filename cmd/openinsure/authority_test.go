package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access/spicedb/spicetest"
)

func TestSpiceDBSettings(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCertificate, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		set  settings
		says string
	}{
		"no endpoint":            {settings{SpiceDBToken: "x"}, "SPICEDB_TOKEN is set and SPICEDB_ENDPOINT is not"},
		"no token":               {settings{SpiceDBEndpoint: "spicedb:50051"}, "SPICEDB_ENDPOINT needs SPICEDB_TOKEN"},
		"an address with scheme": {settings{SpiceDBEndpoint: "https://spicedb:50051", SpiceDBToken: "x"}, "SPICEDB_ENDPOINT: the endpoint is host:port, without a scheme"},
		"no port":                {settings{SpiceDBEndpoint: "spicedb", SpiceDBToken: "x"}, "SPICEDB_ENDPOINT: the endpoint is host:port, without a scheme"},
		"plaintext with a CA":    {settings{SpiceDBEndpoint: "spicedb:50051", SpiceDBToken: "x", SpiceDBPlaintext: true, SpiceDBCAFile: noCertificate}, "SPICEDB_CA_FILE and SPICEDB_PLAINTEXT exclude each other"},
		"no certificate":         {settings{SpiceDBEndpoint: "spicedb:50051", SpiceDBToken: "x", SpiceDBCAFile: noCertificate}, "SPICEDB_CA_FILE holds no certificate"},
		"none":                   {settings{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if _, err := (&serveCmd{settings: tt.set}).newAuthority(&platform{}, nil); err != nil {
				got = err.Error()
			}
			if got != tt.says {
				t.Errorf("it says %q, want %q", got, tt.says)
			}
		})
	}
}

// TestSpiceDBOverTLS speaks to a SpiceDB whose certificate only the setting
// vouches for.
func TestSpiceDBOverTLS(t *testing.T) {
	c := newCluster(t)
	spice, ca := spicetest.StartTLS(t)
	c.add("patient", 0, "SPICEDB_ENDPOINT="+spice.Addr(), "SPICEDB_TOKEN="+spice.Token(), "SPICEDB_CA_FILE="+ca)
	c.add("patient", 1, "SPICEDB_ENDPOINT="+spice.Addr(), "SPICEDB_TOKEN="+spice.Token())
	for deadline := time.Now().Add(time.Minute); ; {
		a, err := c.node(0).call(http.MethodGet, "/v1/policies", "")
		if err == nil && a.status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) || err == nil && a.body["error"] != "permissions_unavailable" {
			t.Fatalf("with the certificate: %+v, %v\n%s", a, err, c.node(0).log)
		}
		<-time.After(50 * time.Millisecond)
	}
	if a, err := c.node(1).call(http.MethodGet, "/v1/policies", ""); err != nil || a.status != http.StatusServiceUnavailable || a.body["error"] != "permissions_unavailable" {
		t.Errorf("without it: %+v, %v", a, err)
	}
}

// bearing makes a request as whoever a token is of.
func bearing(r *running, token, method, path, body string) answer {
	r.t.Helper()
	a, err := r.call(method, path, body, "X-API-Key", "", "Authorization", "Bearer "+token)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", method, path, err, r.log)
	}
	return a
}

// TestSpiceDBBesideTwoNodes works a deal on two nodes in turn, each step on the
// node that did not do the last one, with SpiceDB asked every time; then SpiceDB
// goes and comes back empty.
func TestSpiceDBBesideTwoNodes(t *testing.T) {
	c := newCluster(t)
	spice := spicetest.Start(t)
	for i := range 2 {
		c.add("patient", i, "SPICEDB_ENDPOINT="+spice.Addr(), "SPICEDB_TOKEN="+spice.Token(), "SPICEDB_PLAINTEXT=true")
	}
	one, two := c.node(0), c.node(1)
	filled := func() {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for {
			a, err := two.call(http.MethodGet, "/v1/policies", "")
			if err == nil && a.status == http.StatusOK {
				return
			}
			if time.Now().After(deadline) || err == nil && a.body["error"] != "permissions_unavailable" {
				t.Fatalf("%+v, %v\n%s", a, err, two.log)
			}
			<-time.After(50 * time.Millisecond)
		}
	}
	filled()
	una, ben := c.token("underwriter"), c.token("broker")
	id := one.must(201, "POST", "/v1/submissions", builder)["id"].(string)
	two.must(201, "POST", "/v1/submissions/"+id+"/quote", "")
	one.must(201, "POST", "/v1/submissions/"+id+"/bind", `{"installmentPlan":"PIF"}`)
	two.must(200, "GET", "/v1/submissions/"+id, "")
	room := "/v1/deal-rooms/" + c.room(una)
	seen := bearing(two, ben, "GET", room, "")
	if seen.status != http.StatusOK {
		t.Fatalf("the broker's room: %+v", seen)
	}
	if a := bearing(two, ben, "POST", room+"/messages", `{"body":"Good morning."}`); a.status != http.StatusCreated {
		t.Errorf("the broker's message: %+v", a)
	}
	if a := bearing(two, ben, "GET", "/v1/submissions/"+id, ""); a.status != http.StatusNotFound {
		t.Errorf("another company's submission: %+v", a)
	}
	for _, p := range seen.body["participants"].([]any) {
		if p := p.(map[string]any); p["role"] == "broker" {
			if a := bearing(one, una, "DELETE", room+"/participants/"+p["userId"].(string), ""); a.status >= 300 {
				t.Fatalf("remove: %+v", a)
			}
		}
	}
	if a := bearing(two, ben, "GET", room, ""); a.status != http.StatusNotFound {
		t.Errorf("the room of a removed broker: %+v", a)
	}

	spice.Kill()
	a := bearing(one, una, "GET", room, "")
	if a.status != http.StatusServiceUnavailable || a.body["error"] != "permissions_unavailable" || a.header.Get("Retry-After") != "1" {
		t.Errorf("without SpiceDB: %+v", a)
	}
	if a, err := one.call("GET", "/readyz", ""); err != nil || a.status != http.StatusOK || a.body["parts"].(map[string]any)["permissions"] == "ok" {
		t.Errorf("readiness: %+v, %v", a, err)
	}
	deadline := time.Now().Add(time.Minute)
	for readSQL[int](c, `SELECT count(*)::int FROM audit WHERE action = 'permission' AND outcome = 'failed' AND reason = 'permissions_unavailable'`) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("nothing in the audit log")
		}
		<-time.After(50 * time.Millisecond)
	}
	spice.Restart()
	filled()
	if a := bearing(one, una, "GET", room, ""); a.status != http.StatusOK {
		t.Errorf("with SpiceDB again: %+v", a)
	}
	one.stop()
	two.must(200, "GET", "/v1/submissions/"+id, "") // the other one mirrors now
	two.must(201, "POST", "/v1/submissions", builder)
	two.stop()
}
