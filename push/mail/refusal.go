package mail

import (
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/openinsure/openinsure/push"
)

// result says what came of a conversation that ended with err.
func (t *talk) result(ctx context.Context, err error) push.Result {
	if err == nil {
		return push.Result{Outcome: push.Delivered, Code: 250, ProviderMessage: t.forLog(t.response)}
	}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		r := t.refusal(answer)
		r.Code, r.Detail = answer.Code, t.forLog(answer.Error())
		return r
	}
	r := push.Result{Outcome: push.Retry, Class: t.trouble(err), Detail: t.forLog(err.Error())}
	switch {
	case ctx.Err() != nil: // and so we hung up, which is all that err says
		r.Class, r.Detail = push.ClassTimeout, t.forLog(context.Cause(ctx).Error())
	case errors.Is(err, errNoAuth):
		r.Outcome, r.Class = push.Misset, push.ClassCredential
	}
	return r
}

// refusal says what an answer other than success means at this step. The codes
// are those of RFC 5321, the finer ones of RFC 3463.
func (t *talk) refusal(answer *textproto.Error) push.Result {
	fine, _, _ := strings.Cut(answer.Msg, " ")
	about := func(prefix string) bool { return strings.HasPrefix(fine+".", prefix) }
	switch {
	case answer.Code < 400:
		return push.Result{Outcome: push.Retry, Class: push.ClassProtocol}
	case answer.Code < 500:
		return push.Result{Outcome: push.Retry, Class: push.ClassStatus, Slow: answer.Code == 421}
	case t.at == securing:
		return push.Result{Outcome: push.Retry, Class: push.ClassTLS}
	case t.at == loggingIn, answer.Code == 530, answer.Code == 535, answer.Code == 534, answer.Code == 538:
		return push.Result{Outcome: push.Misset, Class: push.ClassCredential}
	case t.at < naming: // it wants nothing from us, of whatever kind
		return push.Result{Outcome: push.Retry, Class: push.ClassStatus}
	case about("5.3."), answer.Code == 552 && !about("5.2."): // too big
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload}
	case t.at == naming, about("5.1.7."), about("5.1.8."):
		return push.Result{Outcome: push.Misset, Class: push.ClassStatus} // our sender's address is refused
	case about("5.1."), about("5.2.1."):
		return push.Result{Outcome: push.Gone, Class: push.ClassGone}
	case t.at == writing:
		return push.Result{Outcome: push.Failed, Class: push.ClassPayload}
	case about("5.7."): // we may not send there at all: no relay, or a block on us
		return push.Result{Outcome: push.Misset, Class: push.ClassStatus}
	case about("5."): // a full mailbox, say: this mail is lost, but not the next
		return push.Result{Outcome: push.Failed, Class: push.ClassStatus}
	case answer.Code == 550, answer.Code == 551, answer.Code == 553:
		return push.Result{Outcome: push.Gone, Class: push.ClassGone}
	}
	return push.Result{Outcome: push.Failed, Class: push.ClassStatus}
}

// trouble is the class of an error that is no answer.
func (t *talk) trouble(err error) string {
	if dns := new(net.DNSError); errors.As(err, &dns) {
		return push.ClassDNS
	}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		return push.ClassTimeout
	}
	if t.at == securing && !errors.Is(err, io.EOF) {
		return push.ClassTLS
	}
	if errors.As(err, new(textproto.ProtocolError)) {
		return push.ClassProtocol
	}
	return push.ClassConnect
}

// forLog is text of the server's without the two addresses of the mail: a log
// outlives the consent to be written to.
func (t *talk) forLog(s string) string {
	for _, a := range []string{t.letter.to.Address, t.letter.from.Address} {
		s = regexp.MustCompile("(?i)"+regexp.QuoteMeta(a)).ReplaceAllLiteralString(s, "…")
	}
	return detail(s)
}
