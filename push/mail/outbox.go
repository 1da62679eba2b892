package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/openinsure/openinsure/push"
)

// outbox puts mail into a folder. A file is named for the time of its event and
// its delivery, so names sort by time and a delivery that is tried twice is one
// file. It appears whole or not at all.
type outbox struct {
	folder string
	log    *slog.Logger
}

func newOutbox(cfg Config) (*outbox, error) {
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("mail: the outbox folder: %w", err)
	}
	return &outbox{folder: cfg.Folder, log: cfg.Logger}, nil
}

func (o *outbox) send(ctx context.Context, d push.Delivery, l *letter) push.Result {
	if err := ctx.Err(); err != nil {
		return push.Result{Outcome: push.Retry, Class: push.ClassTimeout, Detail: detail(context.Cause(ctx).Error())}
	}
	name := d.At.UTC().Format("20060102T150405.000Z") + "-" + d.ID.String() + ".eml"
	if err := o.put(name, l); err != nil {
		o.log.ErrorContext(ctx, "mail was not written to the outbox", "delivery", d.ID, "event", d.Event, "error", err)
		// A full or missing disk is the operator's to mend; the mail waits.
		return push.Result{Outcome: push.Misset, Class: push.ClassConnect, Detail: detail("write to the outbox: " + reason(err))}
	}
	o.log.InfoContext(ctx, "mail is in the outbox", "delivery", d.ID, "event", d.Event, "type", d.Type, "file", name)
	return push.Result{Outcome: push.Delivered, ProviderMessage: name}
}

// put writes the file beside its place and renames it.
func (o *outbox) put(name string, l *letter) (err error) {
	f, err := os.CreateTemp(o.folder, ".*.tmp") // mode 0600: it is a letter
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = l.msg.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(o.folder, name)); err != nil {
		return err
	}
	return syncFolder(o.folder)
}

// syncFolder makes a rename in the folder outlive a power cut.
func syncFolder(folder string) error {
	f, err := os.Open(folder) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reason is what the system says, without the path: that is ours alone.
func reason(err error) string {
	if path := new(os.PathError); errors.As(err, &path) {
		return path.Err.Error()
	}
	if link := new(os.LinkError); errors.As(err, &link) {
		return link.Err.Error()
	}
	return "failed"
}
