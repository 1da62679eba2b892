package hub

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// A ring is compared with a plain list of all frames.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		r.reset(10)
		var all []string
		type held struct {
			frames [][]byte
			want   []string
		}
		var readers []held
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			default:
				f := fmt.Sprintf("%0*d", rapid.IntRange(1, 40).Draw(t, "size"), len(all))
				r.push([]byte(f), 20, 200)
				all = append(all, f)
			case 1:
				r.begin(r.first + rapid.Int64Range(-2, 25).Draw(t, "begin"))
			case 2:
				seq := 9 + rapid.Int64Range(0, int64(len(all))).Draw(t, "seq")
				frames, ok := r.after(seq)
				if ok != (seq+1 >= r.first) {
					t.Fatalf("after(%d) = %v with a ring from %d", seq, ok, r.first)
				}
				if ok {
					readers = append(readers, held{frames, all[seq-9:]})
				}
			}
			if r.next() != 10+int64(len(all)) {
				t.Fatalf("next = %d after %d frames", r.next(), len(all))
			}
			bytes := 0
			for _, f := range r.frames {
				bytes += len(f)
			}
			if bytes != r.bytes || len(r.frames) > 20 || bytes > 200 && len(r.frames) > 1 {
				t.Fatalf("%d frames of %d bytes, counted %d", len(r.frames), bytes, r.bytes)
			}
		}
		for _, h := range readers {
			for i, f := range h.frames {
				if string(f) != h.want[i] {
					t.Fatalf("a reader's frame changed to %s, was %s", f, h.want[i])
				}
			}
		}
	})
}
