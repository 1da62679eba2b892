package pushtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// An Answer says what a name resolves to, the n-th time that an address of
// either family is asked for (1 is the first). None is NXDOMAIN.
type Answer func(name string, n int) []netip.Addr

// A DNS is a name server over UDP and TCP that answers as it is told, which is
// how a name is public when it is checked and loopback when it is dialled.
type DNS struct {
	answer  Answer
	udp     net.PacketConn
	tcp     net.Listener
	running sync.WaitGroup

	mu    sync.Mutex
	asked map[string]int // by name and type
	conns map[net.Conn]struct{}
}

// NewDNS starts a name server on loopback.
func NewDNS(answer Answer) (*DNS, error) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a name server: %w", err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a name server: %w", err), tcp.Close())
	}
	d := &DNS{answer: answer, udp: udp, tcp: tcp, asked: map[string]int{}, conns: map[net.Conn]struct{}{}}
	d.running.Go(d.serveUDP)
	d.running.Go(d.serveTCP)
	return d, nil
}

// Resolver returns a resolver that asks this server and nobody else.
func (d *DNS) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, d.tcp.Addr().String())
	}}
}

// Asked returns how often addresses of a name were asked for, of the family that
// was asked for more.
func (d *DNS) Asked(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = strings.TrimSuffix(name, ".")
	return max(d.asked[name+" A"], d.asked[name+" AAAA"])
}

// Close ends the server and its connections.
func (d *DNS) Close() error {
	err := errors.Join(d.udp.Close(), d.tcp.Close())
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
	d.mu.Unlock()
	d.running.Wait()
	return err
}

func (d *DNS) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := d.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply, err := d.reply(buf[:n], datagram); err == nil {
			_, _ = d.udp.WriteTo(reply, from) // lost, it is asked again
		}
	}
}

func (d *DNS) serveTCP() {
	for {
		c, err := d.tcp.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		if d.conns == nil {
			d.mu.Unlock()
			_ = c.Close()
			return
		}
		d.conns[c] = struct{}{}
		d.mu.Unlock()
		d.running.Go(func() {
			d.converse(c)
			_ = c.Close()
			d.mu.Lock()
			delete(d.conns, c)
			d.mu.Unlock()
		})
	}
}

func (d *DNS) converse(c net.Conn) {
	for {
		var size uint16
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		q := make([]byte, size)
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		reply, err := d.reply(q, 0xffff)
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil { //nolint:gosec // an answer of a test is short
			return
		}
	}
}

// datagram is how long an answer over UDP may be; who gets a longer one cut
// short asks again over TCP.
const datagram = 512

func (d *DNS) reply(query []byte, most int) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	addrs := d.addresses(q)
	h.Response, h.Authoritative, h.RecursionAvailable = true, true, h.RecursionDesired
	if addrs == nil {
		h.RCode = dnsmessage.RCodeNameError
	}
	full, err := message(h, q, addrs)
	if err != nil || len(full) <= most {
		return full, err
	}
	h.Truncated = true
	return message(h, q, nil)
}

func message(h dnsmessage.Header, q dnsmessage.Question, addrs []netip.Addr) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	if err := errors.Join(b.StartQuestions(), b.Question(q), b.StartAnswers()); err != nil {
		return nil, err
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
	for _, a := range addrs {
		var err error
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			err = b.AResource(head, dnsmessage.AResource{A: a.As4()})
		case !a.Is4() && q.Type == dnsmessage.TypeAAAA:
			err = b.AAAAResource(head, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

func (d *DNS) addresses(q dnsmessage.Question) []netip.Addr {
	name := strings.TrimSuffix(strings.ToLower(q.Name.String()), ".")
	d.mu.Lock()
	key := name + " " + strings.TrimPrefix(q.Type.String(), "Type")
	d.asked[key]++
	n := d.asked[key]
	d.mu.Unlock()
	return d.answer(name, n)
}
