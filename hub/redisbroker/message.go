package redisbroker

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/openinsure/openinsure/hub"
)

// A message of Redis is a version and then one or more publications, each
//
//	kind byte, flags byte, seq uvarint, and channel, epoch, revokes and payload,
//	each after its length as uvarint
//
// A node that is a version behind counts what it cannot read and finds it in
// the Log.
const messageVersion = 1

const flagRewrites = 1

// maxChannel is the longest name of a channel in bytes.
const maxChannel = 200

var (
	errVersion   = errors.New("a message of another version")
	errTruncated = errors.New("a message that ends too early")
	errChannel   = errors.New("a channel's name of more than 200 bytes")
)

func appendPublication(b []byte, p hub.Publication) []byte {
	var flags byte
	if p.Rewrites {
		flags |= flagRewrites
	}
	b = append(b, byte(p.Kind), flags)
	b = binary.AppendUvarint(b, uint64(p.Seq)) //nolint:gosec // the bits, whatever the sign
	for _, s := range []string{p.Channel, p.Epoch, p.Revokes} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Payload)))
	return append(b, p.Payload...)
}

// A decoder reads messages. It keeps the last epoch, which is nearly always
// the next one's too.
type decoder struct{ epoch string }

// decode hands over each publication of a message, none of which holds on to
// the message's memory. After an error the rest is lost.
func (d *decoder) decode(message string, receive func(hub.Publication)) error {
	if message == "" || message[0] != messageVersion {
		return errVersion
	}
	for rest := message[1:]; rest != ""; {
		if len(rest) < 2 {
			return errTruncated
		}
		p := hub.Publication{Kind: hub.Kind(rest[0]), Rewrites: rest[1]&flagRewrites != 0}
		rest = rest[2:]
		seq, ok := uvarint(&rest)
		if !ok {
			return errTruncated
		}
		p.Seq = int64(seq) //nolint:gosec // the way back from uint64(p.Seq)
		var fields [4]string
		for i := range fields {
			n, ok := uvarint(&rest)
			if !ok || n > uint64(len(rest)) {
				return errTruncated
			}
			fields[i], rest = rest[:n], rest[n:]
		}
		if len(fields[0]) > maxChannel {
			return errChannel
		}
		if fields[1] != d.epoch {
			d.epoch = strings.Clone(fields[1])
		}
		p.Channel, p.Epoch, p.Revokes = strings.Clone(fields[0]), d.epoch, strings.Clone(fields[2])
		p.Payload = []byte(fields[3])
		receive(p)
	}
	return nil
}

// uvarint is binary.Uvarint for a string, and takes what it read off it.
func uvarint(s *string) (uint64, bool) {
	var v uint64
	for i := 0; i < len(*s) && i < binary.MaxVarintLen64; i++ {
		c := (*s)[i]
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				return 0, false // more than 64 bits
			}
			*s = (*s)[i+1:]
			return v | uint64(c)<<(7*i), true
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	return 0, false
}

// partitions is how many topics there are; it is the same for all nodes and
// for ever.
const partitions = 64

// partition says which topic carries a channel: FNV-1a.
func partition(channel string) int {
	h := uint32(2166136261)
	for i := range len(channel) {
		h = (h ^ uint32(channel[i])) * 16777619
	}
	return int(h % partitions)
}

// slot is the slot of a cluster that a hash tag falls into: CRC-16/XMODEM.
func slot(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc > math.MaxInt16 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % 16384)
}
