package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/seal"
)

// settings are the flags and environment names that several commands share.
type settings struct {
	DataDir            string `env:"DATA_DIR" help:"Folder of everything that is kept outside Postgres. Default: $XDG_DATA_HOME/openinsure, /var/lib/openinsure as root." type:"path"`
	Environment        string `env:"ENVIRONMENT" enum:"development,sandbox,production" default:"development" help:"development, sandbox or production."`
	DatabaseURL        secret `env:"DATABASE_URL" help:"Postgres to use. Default: a private one, started as a child."`
	MigrateDatabaseURL secret `env:"MIGRATE_DATABASE_URL" help:"Postgres address of a role that may change the schema. Default: DATABASE_URL."`
	APISecret          secret `env:"API_SECRET" name:"api-secret" help:"Bearer token of the system itself, at least 32 characters."`
	EncryptionKey      secret `env:"ENCRYPTION_KEY" help:"Keys that seal secrets at rest, id:base64[,…], the sealing one first."`
	JWTKeys            secret `env:"JWT_KEYS" name:"jwt-keys" help:"Keys that sign tokens, kid:base64[,…], the signing one first."`
	PublicURL          string `env:"PUBLIC_URL" default:"http://localhost:8787" help:"Address under which clients reach this server; also the issuer of tokens."`
	AuthSessionURL     string `env:"AUTH_SESSION_URL" name:"auth-session-url" help:"Address of a better-auth server whose sessions POST /auth/better/exchange takes. Default: none."`
	RedisURL           secret `env:"REDIS_URL" name:"redis-url" help:"Redis that carries messages between nodes and counts requests for all of them. Default: one node, in this process."`
	SpiceDBEndpoint    string `env:"SPICEDB_ENDPOINT" name:"spicedb-endpoint" help:"host:port of a SpiceDB that every question about permission is put to as well. Default: none."`
	SpiceDBToken       secret `env:"SPICEDB_TOKEN" name:"spicedb-token" help:"Preshared key of SpiceDB."`
	SpiceDBPlaintext   bool   `env:"SPICEDB_PLAINTEXT" name:"spicedb-plaintext" help:"Speak to SpiceDB without TLS. Default: TLS."`
	SpiceDBCAFile      string `env:"SPICEDB_CA_FILE" name:"spicedb-ca-file" type:"path" help:"Certificates that vouch for SpiceDB. Default: the system's."`
	BlobURL            string `env:"BLOB_URL" help:"Where uploaded files are kept, as file:///folder; several nodes need one that they share. Default: a folder in DATA_DIR."`
	SMTPURL            secret `env:"SMTP_URL" name:"smtp-url" help:"Mail server: smtp://user:password@host:587 or smtps://…:465. Default: mails are files in DATA_DIR/mail."`
	LogLevel           string `env:"LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`
}

// secret is a setting that never prints.
type secret string

// String hides the value.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// fromFile reads a secret from the file that name_FILE names, if it names one.
func (s *secret) fromFile(name string) error {
	file := os.Getenv(name + "_FILE")
	if file == "" {
		return nil
	}
	if *s != "" {
		return fmt.Errorf("%s and %s_FILE are both set: keep one", name, name)
	}
	b, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("%s_FILE: %w", name, err)
	}
	*s = secret(strings.TrimSpace(string(b)))
	return nil
}

// production reports whether nothing may be made up.
func (s *settings) production() bool { return s.Environment == "production" }

// secrets returns the fields that hold one, by environment name.
func (s *settings) secrets() map[string]*secret {
	return map[string]*secret{
		"API_SECRET": &s.APISecret, "ENCRYPTION_KEY": &s.EncryptionKey, "JWT_KEYS": &s.JWTKeys,
		"DATABASE_URL": &s.DatabaseURL, "MIGRATE_DATABASE_URL": &s.MigrateDatabaseURL,
		"REDIS_URL": &s.RedisURL, "SMTP_URL": &s.SMTPURL, "SPICEDB_TOKEN": &s.SpiceDBToken,
	}
}

// complete fills in what was not given: secrets from the files that *_FILE
// names, the data folder's place, and outside production the secrets that an
// earlier start made, or new ones.
func (s *settings) complete() error {
	for name, field := range s.secrets() {
		if err := field.fromFile(name); err != nil {
			return err
		}
	}
	if s.DataDir == "" {
		s.DataDir = defaultDataDir()
	}
	if err := os.MkdirAll(s.DataDir, 0o755); err != nil { //nolint:gosec // a private Postgres of root's runs as another user, who must pass
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	if err := s.completeSecrets(); err != nil {
		return err
	}
	if len(s.APISecret) < 32 {
		return errors.New("API_SECRET has fewer than 32 characters")
	}
	return nil
}

func (s *settings) completeSecrets() error {
	needed := []string{"API_SECRET", "ENCRYPTION_KEY", "JWT_KEYS"}
	fields := s.secrets()
	var missing []string
	for _, name := range needed {
		if *fields[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if s.production() {
		return fmt.Errorf("in production %s must be set (openinsure init makes values)", strings.Join(missing, ", "))
	}
	file := filepath.Join(s.DataDir, "secrets.env")
	kept, err := readEnv(file)
	if err != nil {
		return err
	}
	made := newSecrets()
	changed := false
	for _, name := range needed {
		if kept[name] == "" {
			kept[name], changed = made[name], true
		}
	}
	if changed {
		if err := writeEnv(file, kept); err != nil {
			return err
		}
	}
	for _, name := range missing {
		*fields[name] = secret(kept[name])
	}
	return nil
}

// newSecrets makes the secrets that every deployment needs.
func newSecrets() map[string]string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand aborts the program instead
	return map[string]string{
		"API_SECRET":     hex.EncodeToString(raw),
		"ENCRYPTION_KEY": seal.NewKey("k1"),
		"JWT_KEYS":       access.NewTokenKey("k1"),
	}
}

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/openinsure"
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "openinsure")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "data"
	}
	return filepath.Join(home, ".local", "share", "openinsure")
}

// readEnv reads NAME=value lines; a missing file has none.
func readEnv(file string) (map[string]string, error) {
	m := map[string]string{}
	b, err := os.ReadFile(file) //nolint:gosec // in our own data folder
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			m[name] = value
		}
	}
	return m, nil
}

// writeEnv writes NAME=value lines for the owner's eyes only, all or nothing.
func writeEnv(file string, m map[string]string) error {
	var b strings.Builder
	for _, name := range sortedKeys(m) {
		fmt.Fprintf(&b, "%s=%s\n", name, m[name])
	}
	if err := os.WriteFile(file+".new", []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	return nil
}

// logger writes JSON in production and text for people elsewhere.
func (s *settings) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // kong checked it
	options := &slog.HandlerOptions{Level: level}
	if s.production() {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// parsePrefixes reads addresses and ranges such as 10.0.0.0/8.
func parsePrefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		s = strings.TrimSpace(s)
		if a, err := netip.ParseAddr(s); err == nil {
			a = a.Unmap()
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a range", s)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 { // peers are compared as what they are
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
