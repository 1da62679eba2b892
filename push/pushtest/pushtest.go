// Package pushtest is the outside world as push meets it: receivers of webhooks
// that misbehave on request, a resolver that lies, and fakes of the providers.
//
// They speak the real protocols over real sockets, to tests and to the demo
// alike, so nothing here knows the testing package: constructors return errors,
// and Close returns when the last goroutine has.
package pushtest
