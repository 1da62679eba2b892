package hub

// A transport puts frames on one client's wire and never waits. It is the seam
// between delivery, which knows cursors, and sockets: one file each.
type transport interface {
	// tryWrite takes leading frames, as many as it can now, and says how many.
	// What it took it delivers whole and in order, or fails as a whole; it may
	// still be on its way when tryWrite returns, but never more than one batch
	// is. It takes nothing while busy.
	tryWrite(frames []frame) (taken int, err error)
	// busy reports whether a batch is on its way. The transport calls
	// session.ready each time it stops being so.
	busy() bool
	// moved is the instant, in ns, of the last progress of the batch on its way,
	// or 0 when there is none.
	moved() int64
	// close sends the last frames and tells the client why, after the batch on
	// its way, and ends the connection. It returns at once; only the first call
	// counts.
	close(last []frame, code CloseCode, reason string)
	// kill ends the connection without a word, though a close is on its way.
	kill()
}

// batchBytes is how much is offered to a transport at once, unless a single
// frame is larger.
const batchBytes = 64 << 10

// A CloseCode says why a session was ended. 44xx mean: do not come back without
// changing something.
type CloseCode int

// The close codes.
const (
	CloseRetry     CloseCode = 4000
	CloseDraining  CloseCode = 4001
	CloseStuck     CloseCode = 4002
	CloseNoPong    CloseCode = 4003
	CloseReplaced  CloseCode = 4008
	CloseBadFrame  CloseCode = 4400
	CloseToken     CloseCode = 4401
	CloseForbidden CloseCode = 4403
	CloseLimit     CloseCode = 4429
)

// label is the code as a metric's label.
func (c CloseCode) label() string {
	switch c {
	case CloseRetry:
		return "retry"
	case CloseDraining:
		return "draining"
	case CloseStuck:
		return "stuck"
	case CloseNoPong:
		return "no_pong"
	case CloseReplaced:
		return "replaced"
	case CloseBadFrame:
		return "bad_frame"
	case CloseToken:
		return "token"
	case CloseForbidden:
		return "forbidden"
	case CloseLimit:
		return "limit"
	}
	return "client"
}
