package mail_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/mail"
	"github.com/openinsure/openinsure/push/pushtest"
)

func TestOutbox(t *testing.T) {
	var log bytes.Buffer
	cfg := config()
	cfg.Folder = filepath.Join(t.TempDir(), "data", "outbox")
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := newSender(t, cfg)
	later := delivery()
	later.ID, later.At = parse[push.ID]("dlv_01J8K3M4N5P6Q7R8S9T0V1W2X2"), noon.Add(time.Second)
	for _, d := range []push.Delivery{later, delivery(), delivery()} {
		if r := s.Send(context.Background(), d); r.Outcome != push.Delivered || r.Class != "" || r.ProviderMessage == "" {
			t.Fatalf("%+v", r)
		}
	}
	files, err := os.ReadDir(cfg.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[0].Name() != "20260401T120000.000Z-dlv_01J8K3M4N5P6Q7R8S9T0V1W2X3.eml" ||
		files[1].Name() != "20260401T120001.000Z-dlv_01J8K3M4N5P6Q7R8S9T0V1W2X2.eml" {
		t.Fatalf("files = %v; want one a delivery, by time", files)
	}
	path := filepath.Join(cfg.Folder, files[0].Name())
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read letters", info.Mode(), err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := pushtest.OpenMail(raw)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "Policy GL-2026-000142 is bound" || m.Header.Get("To") != `"Ada Insured" <ada@example.com>` {
		t.Errorf("%q to %q", m.Subject, m.Header.Get("To"))
	}
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines of log for 3 mails:\n%s", n, &log)
	}
	if !strings.Contains(log.String(), "delivery="+someDelivery.String()) || strings.Contains(strings.ToLower(log.String()), "ada") || strings.Contains(log.String(), "GL-2026") {
		t.Errorf("the log tells too little or too much:\n%s", &log)
	}
}

// A disk that cannot be written to is no reason to lose a mail.
func TestOutboxThatCannotBeWritten(t *testing.T) {
	cfg := config()
	cfg.Folder = filepath.Join(t.TempDir(), "outbox")
	s := newSender(t, cfg)
	if err := os.Remove(cfg.Folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.Send(context.Background(), delivery())
	if r.Outcome != push.Misset || !strings.Contains(r.Detail, "not a directory") || strings.Contains(r.Detail, cfg.Folder) {
		t.Errorf("%+v", r)
	}

	cfg.Folder = filepath.Join(cfg.Folder, "below a file")
	if _, err := mail.New(cfg); err == nil {
		t.Error("a folder below a file was accepted")
	}
}

func TestOutboxKeepsNoHalfFiles(t *testing.T) {
	cfg := config()
	cfg.Folder = t.TempDir()
	s := newSender(t, cfg)
	// The place is taken by a folder: the rename fails after all was written.
	if err := os.Mkdir(filepath.Join(cfg.Folder, "20260401T120000.000Z-"+someDelivery.String()+".eml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if r := s.Send(context.Background(), delivery()); r.Outcome != push.Misset || strings.Contains(r.Detail, cfg.Folder) {
		t.Errorf("%+v", r)
	}
	if files, err := os.ReadDir(cfg.Folder); err != nil || len(files) != 1 {
		t.Errorf("%v, %v: half a mail was left", files, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d := delivery()
	d.At = noon.Add(time.Hour)
	if r := s.Send(ctx, d); r.Outcome != push.Retry {
		t.Errorf("%+v after its time", r)
	}
}
