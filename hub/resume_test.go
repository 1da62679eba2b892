package hub_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/openinsure/openinsure/hub"
)

func welcomeAt(channel string, seq, from int64) func(context.Context) (*hub.Welcome, error) {
	return func(context.Context) (*hub.Welcome, error) {
		return &hub.Welcome{
			Channel: channel, Epoch: "e1", Seq: seq, From: from, Rights: hub.Rights{Post: true},
			Fields: json.RawMessage(`{"room":{"id":"room_1"}}`),
		}, nil
	}
}

// A pipe is a client in process, as thousands of sockets would be too many
// files: a net.Pipe whose server end is hijacked.
type pipe struct {
	net.Conn
	r *bufio.Reader
}

type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacked) Header() http.Header { return http.Header{} }
func (h *hijacked) WriteHeader(int)     {}
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReaderSize(h.conn, 512), bufio.NewWriterSize(h.conn, 512)), nil
}

// pipe opens a session without a network.
func (n *node) pipe(query string) (*pipe, error) {
	near, far := net.Pipe()
	r, err := http.NewRequest(http.MethodGet, "/?"+query, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
	q := r.URL.Query()
	err = n.ServeWS(&hijacked{conn: far}, r, hub.Opening{Principal: hub.Principal{Subject: q.Get("as")}, Batch: q.Has("batch")})
	return &pipe{near, bufio.NewReader(near)}, err
}

// write sends a masked text frame; the mask is zero.
func (p *pipe) write(text string) error {
	b := []byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}
	if len(text) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
		b = append(b, 0, 0, 0, 0)
	}
	_, err := p.Write(append(b, text...))
	return err
}

// message reads the payload of one frame.
func (p *pipe) message() ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(p.r, head); err != nil {
		return nil, err
	}
	size := uint64(head[1])
	if size > 125 {
		more := make([]byte, map[uint64]int{126: 2, 127: 8}[size])
		if _, err := io.ReadFull(p.r, more); err != nil {
			return nil, err
		}
		size = binary.BigEndian.Uint64(append(make([]byte, 8-len(more)), more...))
	}
	b := make([]byte, size)
	_, err := io.ReadFull(p.r, b)
	return b, err
}

// resumeAll has clients resume after since at once, and each read up to head.
func resumeAll(t *testing.T, n *node, clients int, since, head int64) {
	t.Helper()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			p, err := n.pipe("batch&as=usr_1")
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Close()
			if _, err := p.message(); err != nil {
				t.Error(err)
				return
			}
			if err := p.write(fmt.Sprintf(`{"type":"subscribe","channel":"room:1","since":{"epoch":"e1","seq":%d}}`, since)); err != nil {
				t.Error(err)
				return
			}
			next := since + 1
			for {
				m, err := p.message()
				if err != nil {
					t.Errorf("client %d at %d: %v", i, next, err)
					return
				}
				for line := range bytes.SplitSeq(m, []byte("\n")) {
					var f frame
					if err := json.Unmarshal(line, &f); err != nil {
						t.Errorf("%s: %v", line, err)
						return
					}
					switch {
					case f.Type == "entry" && f.Seq == next:
						next++
					case f.Type == "live":
						if next != head+1 {
							t.Errorf("live at %d, want %d", next-1, head)
						}
						return
					case f.Type == "entry" || strings.HasPrefix(f.Type, "re"):
						t.Errorf("got %s, want entry %d", line, next)
						return
					}
				}
			}
		})
	}
	group.Wait()
}
