package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/access/spicedb"
)

// tuneAuthority is where tests of whole processes change limits.
var tuneAuthority = func(*spicedb.Config) {}

// newAuthority has every question about permission put to SpiceDB as well, where
// one is set; nil says that none is.
func (c *serveCmd) newAuthority(p *platform, registry prometheus.Registerer) (*spicedb.Client, error) {
	if c.SpiceDBEndpoint == "" {
		if c.SpiceDBToken != "" {
			return nil, errors.New("SPICEDB_TOKEN is set and SPICEDB_ENDPOINT is not")
		}
		return nil, nil
	}
	cfg := spicedb.Config{
		Endpoint: c.SpiceDBEndpoint, Token: string(c.SpiceDBToken), Plaintext: c.SpiceDBPlaintext, Logger: p.log, Registerer: registry,
	}
	if c.SpiceDBToken == "" {
		return nil, errors.New("SPICEDB_ENDPOINT needs SPICEDB_TOKEN")
	}
	if c.SpiceDBCAFile != "" {
		if c.SpiceDBPlaintext {
			return nil, errors.New("SPICEDB_CA_FILE and SPICEDB_PLAINTEXT exclude each other")
		}
		pem, err := os.ReadFile(c.SpiceDBCAFile)
		if err != nil {
			return nil, fmt.Errorf("SPICEDB_CA_FILE: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("SPICEDB_CA_FILE holds no certificate")
		}
	}
	tuneAuthority(&cfg)
	client, err := spicedb.New(p.db, cfg)
	if err != nil {
		return nil, fmt.Errorf("SPICEDB_ENDPOINT: %w", err)
	}
	p.db.Judge(client)
	return client, nil
}
