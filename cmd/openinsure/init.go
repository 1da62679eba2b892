package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance"
)

type initCmd struct {
	settings
	OrgName    string `required:"" help:"Name of the first organisation."`
	OrgKind    string `enum:"mga,carrier,brokerage" default:"mga" help:"mga, carrier or brokerage."`
	AdminEmail string `required:"" help:"E-mail address of its administrator."`
	AdminName  string `required:"" help:"Name of its administrator."`
}

// Run makes what a deployment needs and prints it once. It writes secrets only
// where none are set, and refuses a database that has organisations already.
func (c *initCmd) Run(ctx context.Context) (err error) {
	if c.production() && (c.APISecret == "" || c.EncryptionKey == "" || c.JWTKeys == "") && !c.anyFile() {
		return c.printSecrets()
	}
	if err := c.complete(); err != nil {
		return err
	}
	p, err := c.open(ctx, c.logger(), 4, insurance.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(context.WithoutCancel(ctx))) }()
	empty, err := p.db.Empty(ctx)
	if err != nil {
		return err
	}
	if !empty {
		return errors.New("this database has organisations already: add more by POST /v1/organizations with the API_SECRET")
	}
	code := rand.Text() + rand.Text()
	o, key, err := p.found(ctx, foundation{
		login: code,
		name:  c.OrgName, kind: c.OrgKind, key: "First integration", live: c.production(),
		users: []newUser{{c.AdminEmail, c.AdminName, access.RoleAdmin}},
	})
	if err != nil {
		return err
	}
	fmt.Printf("organization   %s (%s)\nadministrator  %s\nAPI key        %s   (shown once)\nlogin link     %s/login#%s   (good once, within an hour)\n",
		o.Name, o.ID, c.AdminEmail, key, strings.TrimSuffix(c.PublicURL, "/"), code)
	return nil
}

func (c *initCmd) anyFile() bool {
	return os.Getenv("API_SECRET_FILE") != "" && os.Getenv("ENCRYPTION_KEY_FILE") != "" && os.Getenv("JWT_KEYS_FILE") != ""
}

// printSecrets makes the secrets of a production deployment. They are the
// operator's to keep, so they are not written anywhere.
func (c *initCmd) printSecrets() error {
	made := newSecrets()
	fmt.Println("# Keep these, set them on every node, and run openinsure init again with them.")
	for _, name := range sortedKeys(made) {
		fmt.Printf("%s=%s\n", name, made[name])
	}
	return nil
}

// loginLinkAge is how long the link that init prints is good.
const loginLinkAge = time.Hour

type migrateCmd struct{ settings }

// Run migrates and stops.
func (c *migrateCmd) Run(ctx context.Context) error {
	if c.DatabaseURL == "" && c.MigrateDatabaseURL == "" {
		if _, err := os.Stat(filepath.Join(c.DataDir, "postgres")); err != nil {
			return errors.New("set MIGRATE_DATABASE_URL or DATABASE_URL; a private Postgres is migrated by serve")
		}
	}
	if err := c.complete(); err != nil {
		return err
	}
	p, err := c.open(ctx, c.logger(), 2, insurance.Config{})
	if err != nil {
		return err
	}
	return p.close(ctx)
}
