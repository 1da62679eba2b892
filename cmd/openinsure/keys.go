package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/store"
)

type keysCmd struct {
	Status keysStatusCmd `cmd:"" help:"Count what each key of ENCRYPTION_KEY seals."`
	Rotate keysRotateCmd `cmd:"" help:"Make a new key, seal everything under it while servers run, and print the setting."`
	Reseal keysResealCmd `cmd:"" help:"Seal under the first key of ENCRYPTION_KEY what older ones sealed."`
	Drop   keysDropCmd   `cmd:"" help:"Take a key that seals nothing any more out of ENCRYPTION_KEY, and print the setting."`
}

// keySettings are the settings of commands that change one of the secrets.
type keySettings struct {
	settings
	given map[string]bool // by the environment or a flag, not by secrets.env
}

// complete is settings.complete, and remembers which secrets are not of its own
// making.
func (s *keySettings) complete() error {
	s.given = map[string]bool{}
	for name, field := range s.secrets() {
		s.given[name] = *field != "" || os.Getenv(name+"_FILE") != ""
	}
	return s.settings.complete()
}

// hand gives a new value of a secret to whoever keeps it: to secrets.env when
// the old one came from there, and else to the operator's eyes.
func (s *keySettings) hand(name, value string) error {
	if s.given[name] {
		fmt.Printf("Set this on every node, and restart them one by one:\n\n%s=%s\n", name, value)
		return nil
	}
	file := filepath.Join(s.DataDir, "secrets.env")
	kept, err := readEnv(file)
	if err != nil {
		return err
	}
	kept[name] = value
	if err := writeEnv(file, kept); err != nil {
		return err
	}
	fmt.Printf("%s in %s is new: restart the server\n", name, file)
	return nil
}

// keyNames lists the names of keys as a setting has them, in its order.
func keyNames(setting secret) []string {
	var names []string
	for part := range strings.SplitSeq(string(setting), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), ":")
		names = append(names, name)
	}
	return names
}

// freeName is the name of a new key: k1, k2 and so on.
func freeName(taken []string) string {
	for n := len(taken) + 1; ; n++ {
		if name := "k" + strconv.Itoa(n); !slices.Contains(taken, name) {
			return name
		}
	}
}

type keysStatusCmd struct{ keySettings }

// Run prints the ring and what is sealed by which key.
func (c *keysStatusCmd) Run(ctx context.Context) error {
	return c.on(ctx, func(p *platform) error {
		counts, err := p.db.SealedBy(ctx)
		if err != nil {
			return err
		}
		names := keyNames(c.EncryptionKey)
		fmt.Printf("ENCRYPTION_KEY: %s (the first seals)\n", strings.Join(names, ", "))
		pending, err := p.db.SealingKeys(ctx)
		if err != nil {
			return err
		}
		for _, k := range pending {
			if !slices.Contains(names, k.Name) {
				fmt.Printf("%s was made by rotation and is not in ENCRYPTION_KEY: openinsure keys rotate goes on with it\n", k.Name)
			}
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "COLUMN\tKEY\tROWS")
		for _, n := range counts {
			key := n.Key
			if !slices.Contains(names, key) {
				key = strconv.Quote(key) + " (not in ENCRYPTION_KEY)"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\n", n.Column, key, n.Rows)
		}
		return w.Flush()
	})
}

// on runs fn over the database, which a server may be running on.
func (s *keySettings) on(ctx context.Context, fn func(*platform) error) (err error) {
	if err := s.complete(); err != nil {
		return err
	}
	p, err := s.visit(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(context.WithoutCancel(ctx))) }()
	return fn(p)
}

type keysRotateCmd struct {
	keySettings
	JWT bool `name:"jwt" help:"The keys of JWT_KEYS instead."`
}

// Run makes a new key. Servers that do not have it learn it from the database,
// where it is kept under the key before. Stopped, it goes on where it was.
func (c *keysRotateCmd) Run(ctx context.Context) error {
	if c.JWT {
		return c.rotateJWT()
	}
	return c.on(ctx, func(p *platform) error {
		name, key, err := c.nextKey(ctx, p.db)
		if err != nil {
			return err
		}
		if err := p.ring.Learn(key); err != nil {
			return err
		}
		if err := reseal(ctx, p.db, name); err != nil {
			return err
		}
		return c.hand("ENCRYPTION_KEY", key+","+string(c.EncryptionKey))
	})
}

// nextKey is the key of a rotation that is under way, or a new one.
func (c *keysRotateCmd) nextKey(ctx context.Context, db *store.DB) (name, key string, err error) {
	pending, err := db.SealingKeys(ctx)
	if err != nil {
		return "", "", err
	}
	taken := keyNames(c.EncryptionKey)
	for _, k := range slices.Backward(pending) {
		if slices.Contains(taken, k.Name) {
			continue
		}
		key, err = db.OpenSealingKey(k)
		return k.Name, key, err
	}
	for _, k := range pending {
		taken = append(taken, k.By)
	}
	counts, err := db.SealedBy(ctx)
	if err != nil {
		return "", "", err
	}
	for _, n := range counts {
		taken = append(taken, n.Key)
	}
	slices.Sort(taken)
	name = freeName(slices.Compact(taken))
	key = seal.NewKey(name)
	return name, key, db.AddSealingKey(ctx, name, key)
}

// rotateJWT puts a new key first. Tokens of the old one are good for as long as
// it is in the setting.
func (c *keysRotateCmd) rotateJWT() error {
	if err := c.complete(); err != nil {
		return err
	}
	fresh := access.NewTokenKey(freeName(keyNames(c.JWTKeys)))
	if c.given["JWT_KEYS"] {
		fmt.Printf("With several nodes, first set this on every node and restart them, so that all know the key before one signs with it:\n\nJWT_KEYS=%s,%s\n\nThen this. ",
			string(c.JWTKeys), fresh)
	}
	if err := c.hand("JWT_KEYS", fresh+","+string(c.JWTKeys)); err != nil {
		return err
	}
	fmt.Printf("\nTokens of the key before end within %s; then it may be left out.\n", access.TokenAge)
	return nil
}

type keysResealCmd struct{ keySettings }

// Run seals everything under the first key.
func (c *keysResealCmd) Run(ctx context.Context) error {
	return c.on(ctx, func(p *platform) error { return reseal(ctx, p.db, p.ring.First()) })
}

func reseal(ctx context.Context, db *store.DB, name string) error {
	done, err := db.Reseal(ctx, name)
	fmt.Printf("%d rows are sealed anew, by %s\n", done.Rows, name)
	if err != nil {
		return fmt.Errorf("not all was sealed anew, run it again: %w", err)
	}
	if done.Closed > 0 {
		return fmt.Errorf("%d rows cannot be opened by any key: is one missing in ENCRYPTION_KEY? See openinsure keys status", done.Closed)
	}
	return nil
}

type keysDropCmd struct {
	keySettings
	Name string `arg:"" help:"Of the key, as in ENCRYPTION_KEY before the colon."`
}

// Run refuses as long as anything would be lost.
func (c *keysDropCmd) Run(ctx context.Context) error {
	return c.on(ctx, func(p *platform) error {
		names := keyNames(c.EncryptionKey)
		at := slices.Index(names, c.Name)
		switch at {
		case -1:
			return fmt.Errorf("%s is not in ENCRYPTION_KEY, which has %s", c.Name, strings.Join(names, ", "))
		case 0:
			return fmt.Errorf("%s is what seals: openinsure keys rotate makes another", c.Name)
		}
		if err := unused(ctx, p.db, c.Name, names); err != nil {
			return err
		}
		if err := p.db.DropSealingKey(ctx, c.Name); err != nil {
			return err
		}
		return c.hand("ENCRYPTION_KEY", strings.Join(slices.Delete(strings.Split(string(c.EncryptionKey), ","), at, at+1), ","))
	})
}

// unused says what would be lost with a key.
func unused(ctx context.Context, db *store.DB, name string, names []string) error {
	counts, err := db.SealedBy(ctx)
	if err != nil {
		return err
	}
	for _, n := range counts {
		if n.Key == name {
			return fmt.Errorf("%s still seals %d rows of %s: run openinsure keys reseal first, with every node restarted", name, n.Rows, n.Column)
		}
	}
	pending, err := db.SealingKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range pending {
		if !slices.Contains(names, k.Name) {
			return fmt.Errorf("the new key %s is not in ENCRYPTION_KEY yet: openinsure keys rotate prints it", k.Name)
		}
	}
	return nil
}
