package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openinsure/openinsure/push/pushtest"
)

// outside is the world that a platform tells: an integrator's server, Apple,
// Google, and the folder in which mails end up.
type outside struct {
	receiver *pushtest.Receiver // the integrator's
	silent   *pushtest.Receiver // of the other company, which must hear nothing
	apns     *pushtest.APNs     // nil: the server does not know of these
	fcm      *pushtest.FCM
	mails    string // folder; empty when mails go elsewhere

	phones    map[string]*Ear // by token
	mailboxes map[string]*Ear // by address
}

// newOutside starts the receivers; with phones, the providers too.
func newOutside(l *Ledger, hook, silent *Ear, phones bool) (*outside, error) {
	o := &outside{phones: map[string]*Ear{}, mailboxes: map[string]*Ear{}}
	var err error
	for _, r := range []struct {
		to  **pushtest.Receiver
		ear *Ear
	}{{&o.receiver, hook}, {&o.silent, silent}} {
		heard := func(q pushtest.Request) { l.Hear(hookReceipt(r.ear, q)) }
		if *r.to, err = pushtest.NewReceiver(pushtest.ReceiverConfig{Heard: heard}); err != nil {
			return nil, errors.Join(err, o.close())
		}
	}
	if !phones {
		return o, nil
	}
	if o.apns, err = pushtest.NewAPNs(pushtest.APNsConfig{}); err != nil {
		return nil, errors.Join(err, o.close())
	}
	if o.fcm, err = pushtest.NewFCM(pushtest.FCMConfig{}); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

// close ends all of it.
func (o *outside) close() error {
	var errs []error
	for _, r := range []*pushtest.Receiver{o.receiver, o.silent} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	if o.apns != nil {
		errs = append(errs, o.apns.Close())
	}
	if o.fcm != nil {
		errs = append(errs, o.fcm.Close())
	}
	return errors.Join(errs...)
}

// settings writes what a server needs to know of it into a folder, and returns
// its environment.
func (o *outside) settings(dir string) ([]string, error) {
	key, roots, err := o.apns.WriteFiles(dir)
	if err != nil {
		return nil, err
	}
	credentials, err := o.fcm.WriteFile(dir)
	return []string{
		"APNS_KEY_FILE=" + key, "APNS_ROOTS_FILE=" + roots, "APNS_HOST=" + o.apns.URL(), "APNS_KEY_ID=" + o.apns.KeyID(),
		"APNS_TEAM_ID=" + o.apns.TeamID(), "APNS_TOPIC=" + o.apns.Topic(),
		"FCM_CREDENTIALS_FILE=" + credentials, "FCM_ENDPOINT=" + o.fcm.Endpoint(),
	}, err
}

// hookReceipt is a webhook as it came, checked as the integrator's own code
// would: both signatures, and that its id is the event's.
func hookReceipt(ear *Ear, q pushtest.Request) Receipt {
	r := Receipt{Ear: ear, At: q.At, Event: q.ID}
	var e envelope
	switch err := json.Unmarshal(q.Body, &e); {
	case q.Unsigned != nil:
		r.Fault = q.Unsigned.Error()
	case err != nil:
		r.Fault = err.Error()
	case e.ID != q.ID:
		r.Fault = fmt.Sprintf("its id is %s outside and %s inside", q.ID, e.ID)
	}
	r.Type, r.Name, r.Data = e.Type, nameOf(e.Type, e.Data), e.Data
	return r
}

// hear notes what comes at phones and mailboxes until ctx is over.
func (o *outside) hear(ctx context.Context, p *player) {
	if o.apns != nil {
		p.work.Go(func() {
			each(ctx, o.apns.Wait, func(q pushtest.APNsPush) {
				var body struct {
					APS struct {
						Alert struct{ Title, Body string } `json:"alert"`
					} `json:"aps"`
					EventID string `json:"eventId"`
					Type    string `json:"type"`
				}
				r := Receipt{Ear: o.phone(q.Token, IPhone), At: q.At}
				if err := json.Unmarshal(q.Payload, &body); err != nil {
					r.Fault = err.Error()
				}
				r.Event, r.Type, r.Words = body.EventID, body.Type, body.APS.Alert.Title+": "+body.APS.Alert.Body
				p.ledger.Hear(r)
			})
		})
		p.work.Go(func() {
			each(ctx, o.fcm.Wait, func(q pushtest.FCMPush) {
				d, n := q.Message.Data, q.Message.Notification
				p.ledger.Hear(Receipt{
					Ear: o.phone(q.Token, Android), At: q.At, Event: d["eventId"], Type: d["type"], Words: n.Title + ": " + n.Body,
				})
			})
		})
	}
	if o.mails != "" {
		p.work.Go(func() { o.readMails(ctx, p.ledger) })
	}
}

func (o *outside) phone(token string, way Way) *Ear {
	if e, ok := o.phones[token]; ok {
		return e
	}
	return &Ear{Name: "an unknown phone", Way: way}
}

// each gives what arrives to f, one by one.
func each[T any](ctx context.Context, wait func(context.Context, int) ([]T, error), f func(T)) {
	for n := 0; ; {
		all, err := wait(ctx, n+1)
		for ; n < len(all); n++ {
			f(all[n])
		}
		if err != nil {
			return
		}
	}
}

// mailEvery is how late a mail may be seen; when it was written its file says.
const mailEvery = 10 * time.Millisecond

// readMails notes the mails that appear in the folder.
func (o *outside) readMails(ctx context.Context, l *Ledger) {
	known := map[string]bool{}
	tick := time.NewTicker(mailEvery)
	defer tick.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(o.mails, "*.eml"))
		if err != nil {
			l.Trouble("the folder of mails: " + err.Error())
			return
		}
		for _, name := range files {
			if known[name] {
				continue
			}
			known[name] = true
			r, err := o.readMail(name)
			if err != nil {
				l.Trouble("a mail cannot be read: " + err.Error())
				continue
			}
			l.Hear(r)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (o *outside) readMail(name string) (Receipt, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Receipt{}, err
	}
	raw, err := os.ReadFile(name) //nolint:gosec // from our own folder
	if err != nil {
		return Receipt{}, err
	}
	m, err := pushtest.OpenMail(raw)
	if err != nil {
		return Receipt{}, err
	}
	to, err := m.Header.AddressList("To")
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{
		At: info.ModTime(), Event: m.Header.Get("X-OpenInsure-Event"), Type: m.Header.Get("X-OpenInsure-Event-Type"), Words: m.Subject,
	}
	if len(to) == 1 {
		r.Ear = o.mailboxes[strings.ToLower(to[0].Address)]
	}
	if r.Ear == nil {
		r.Ear = &Ear{Name: "an unknown mailbox", Way: Mail}
	}
	return r, nil
}
