package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/apns"
	"github.com/openinsure/openinsure/push/fcm"
	"github.com/openinsure/openinsure/push/mail"
	"github.com/openinsure/openinsure/push/webhook"
	"github.com/openinsure/openinsure/push/webhook/egress"
)

// outboundSettings are the flags and environment names of what leaves the
// building.
type outboundSettings struct {
	EgressAllow []string `env:"EGRESS_ALLOW" help:"Address ranges that webhooks may reach besides public ones. Default: loopback in development, none elsewhere."`
	EgressDeny  []string `env:"EGRESS_DENY" help:"Address ranges that webhooks never reach."`
	EgressPorts []uint16 `env:"EGRESS_PORTS" help:"Ports that webhooks may use besides 443."`

	MailFrom string `env:"MAIL_FROM" default:"OpenInsure <no-reply@localhost>" help:"Sender of mails."`
	AppURL   string `env:"APP_URL" name:"app-url" help:"Address of the pages that links in mails open. Default: mails have no links."`

	APNsKeyFile   string `env:"APNS_KEY_FILE" name:"apns-key-file" type:"path" help:"Apple's .p8 key; with it, iPhones are pushed to."`
	APNsKeyID     string `env:"APNS_KEY_ID" name:"apns-key-id" help:"Id of the key, 10 characters."`
	APNsTeamID    string `env:"APNS_TEAM_ID" name:"apns-team-id" help:"Id of the team, 10 characters."`
	APNsTopic     string `env:"APNS_TOPIC" name:"apns-topic" help:"Bundle id of the app."`
	APNsHost      string `env:"APNS_HOST" name:"apns-host" help:"https address in place of Apple's, for tests."`
	APNsRootsFile string `env:"APNS_ROOTS_FILE" name:"apns-roots-file" type:"path" help:"Certificates that vouch for APNS_HOST."`

	FCMCredentialsFile string `env:"FCM_CREDENTIALS_FILE" name:"fcm-credentials-file" type:"path" help:"Google's service account as JSON; with it, Android phones are pushed to."`
	FCMEndpoint        string `env:"FCM_ENDPOINT" name:"fcm-endpoint" help:"http or https address in place of https://fcm.googleapis.com/v1, for tests."`
}

// attemptDays is how long the log of attempts is kept, and partitionsAhead how
// many days of it exist before they are needed.
const (
	attemptDays     = 30
	partitionsAhead = 7
)

// outbound is the side of a server that tells the world.
type outbound struct {
	guard *egress.Guard
	push  *push.Dispatcher
	p     *platform
	asked chan struct{} // somebody asked for a code
	close func()
}

// newOutbound puts deliveries on the platform. Nothing runs before run.
func (c *serveCmd) newOutbound(ctx context.Context, p *platform, registry prometheus.Registerer) (*outbound, error) {
	guard, err := c.newGuard()
	if err != nil {
		return nil, err
	}
	hooks := webhook.New(guard, webhook.Config{})
	senders := map[push.Kind]push.Sender{push.Webhook: hooks}
	mails, err := mail.New(mail.Config{
		Folder: filepath.Join(c.DataDir, "mail"), URL: string(c.SMTPURL), From: c.MailFrom, PublicURL: c.AppURL, Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	senders[push.Mail] = mails
	if c.production() && c.SMTPURL == "" {
		p.log.WarnContext(ctx, "production without SMTP_URL: mails are written to a folder of this node and reach nobody")
	}
	hangUp, err := c.addPhones(ctx, senders)
	if err != nil {
		return nil, err
	}
	cfg := push.Config{Worker: workerName(), Drain: c.DrainTime, Logger: p.log, Registerer: registry}
	tunePush(&cfg)
	o := &outbound{guard: guard, push: push.New(p.db, senders, cfg), p: p, asked: make(chan struct{}, 1), close: func() { hooks.Close(); hangUp() }}
	p.db.OnAsk(func() {
		select {
		case o.asked <- struct{}{}:
		default:
		}
	})
	p.db.OnOwed(func(channels []string) {
		if channels == nil {
			o.push.Wake()
			return
		}
		o.push.Said(channels...)
	})
	return o, nil
}

// tunePush is where tests of whole processes change limits.
var tunePush = func(*push.Config) {}

func (c *serveCmd) newGuard() (*egress.Guard, error) {
	allow := c.EgressAllow
	if len(allow) == 0 && c.Environment == "development" {
		allow = []string{"127.0.0.0/8", "::1/128"}
	}
	cfg := egress.Config{Ports: c.EgressPorts}
	var err error
	if cfg.Allow, err = parsePrefixes(allow); err != nil {
		return nil, fmt.Errorf("EGRESS_ALLOW: %w", err)
	}
	if cfg.Deny, err = parsePrefixes(c.EgressDeny); err != nil {
		return nil, fmt.Errorf("EGRESS_DENY: %w", err)
	}
	return egress.New(cfg)
}

// addPhones adds the providers that are configured; hangUp ends the connections
// to them. Without one, what is owed to its phones waits until it expires.
func (c *serveCmd) addPhones(ctx context.Context, senders map[push.Kind]push.Sender) (hangUp func(), err error) {
	var closers []func()
	if c.APNsKeyFile != "" {
		s, err := c.newAPNs()
		if err != nil {
			return nil, err
		}
		senders[push.APNs], closers = s, append(closers, s.Close)
	}
	if c.FCMCredentialsFile != "" {
		s, err := fcm.New(ctx, fcm.Config{CredentialsFile: c.FCMCredentialsFile, Endpoint: c.FCMEndpoint})
		if err != nil {
			return nil, err
		}
		senders[push.FCM], closers = s, append(closers, s.Close)
	}
	return func() {
		for _, f := range closers {
			f()
		}
	}, nil
}

func (c *serveCmd) newAPNs() (*apns.Sender, error) {
	cfg := apns.Config{KeyFile: c.APNsKeyFile, KeyID: c.APNsKeyID, TeamID: c.APNsTeamID, Topic: c.APNsTopic, Host: c.APNsHost}
	if c.APNsRootsFile != "" {
		pem, err := os.ReadFile(c.APNsRootsFile)
		if err != nil {
			return nil, fmt.Errorf("APNS_ROOTS_FILE: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("APNS_ROOTS_FILE holds no certificate")
		}
	}
	return apns.New(cfg)
}

// workerName names this process in the log of attempts.
func workerName() string {
	host, err := os.Hostname()
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails
	if err != nil {
		host = "node"
	}
	return cmp.Or(host, "node") + "-" + hex.EncodeToString(raw)
}

// run delivers until ctx is over, and keeps the log of attempts in days.
func (o *outbound) run(ctx context.Context) error {
	defer o.close()
	return o.push.Run(ctx)
}

// keepPartitions makes the days of the log ahead of time and drops the old ones.
func (o *outbound) keepPartitions(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if _, err := o.p.db.KeepAttempts(ctx, partitionsAhead, attemptDays); err != nil && ctx.Err() == nil {
			o.p.log.ErrorContext(ctx, "the log of attempts was not extended", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ready is why this node should not be asked for anything: attempts could not be
// recorded soon.
func (o *outbound) ready(ctx context.Context) error {
	days, err := o.p.db.AttemptDays(ctx)
	if err == nil && days < 1 {
		err = fault.New(fault.Unavailable, "not_ready", "The log of attempts ends today.").With("part", "deliveries")
	}
	return err
}
