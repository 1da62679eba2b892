// Command openinsure is the whole platform in one program: the REST API of an
// insurance platform and its hub. Run it with --help for commands and settings.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker in releases.
var version = "dev"

type commands struct {
	Serve   serveCmd   `cmd:"" help:"Serve the API. Without settings: on http://localhost:8787, with a private Postgres."`
	Init    initCmd    `cmd:"" help:"Set up a deployment: its secrets, the first organisation, its administrator and an API key."`
	Chat    chatCmd    `cmd:"" help:"Talk in a deal room, in a terminal or through pipes."`
	Demo    demoCmd    `cmd:"" help:"Play a whole deal before everybody's eyes, and check who heard what, when and how often."`
	Audit   auditCmd   `cmd:"" help:"Verify the audit log."`
	Keys    keysCmd    `cmd:"" help:"Rotate the keys that seal secrets and sign tokens."`
	Migrate migrateCmd `cmd:"" help:"Bring the database's schema up to this program's version, and stop."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

type versionCmd struct{}

func (versionCmd) Run() error {
	fmt.Println(version)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	k := kong.Parse(&c, kong.Name("openinsure"), kong.Description("An open insurance platform: API and hub in one binary."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Vars{"admin": defaultAdmin})
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "openinsure:", err)
		stop()
		os.Exit(1)
	}
}
