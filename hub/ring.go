package hub

// A ring holds the newest frames of a channel, ready to be sent.
//
// What it hands out stays valid and unchanged for ever: frames are never
// overwritten in place, so readers need no lock.
type ring struct {
	first  int64 // seq of frames[0]; the next seq when empty
	frames [][]byte
	bytes  int
	dead   int // frames cut off in front that the array still holds
}

// next is the seq that push takes.
func (r *ring) next() int64 { return r.first + int64(len(r.frames)) }

// reset forgets everything; the next frame will be seq.
func (r *ring) reset(seq int64) {
	*r = ring{first: seq}
}

// push appends the frame of seq next() and keeps within both limits, though
// always the newest frame.
func (r *ring) push(frame []byte, limit, limitBytes int) {
	r.frames = append(r.frames, frame)
	r.bytes += len(frame)
	drop, bytes := max(0, len(r.frames)-limit), r.bytes
	for _, f := range r.frames[:drop] {
		bytes -= len(f)
	}
	for bytes > limitBytes && drop < len(r.frames)-1 {
		bytes -= len(r.frames[drop])
		drop++
	}
	r.drop(drop)
}

// begin forgets what is before seq.
func (r *ring) begin(seq int64) {
	if seq > r.first {
		r.drop(int(min(seq-r.first, int64(len(r.frames)))))
	}
}

func (r *ring) drop(n int) {
	if n == 0 {
		return
	}
	for _, f := range r.frames[:n] {
		r.bytes -= len(f)
	}
	r.first += int64(n)
	r.frames = r.frames[n:]
	r.dead += n
	if r.dead > 64 || len(r.frames) == 0 {
		// A fresh array lets go of the dead; readers may hold the old one.
		r.frames = append(make([][]byte, 0, len(r.frames)+64), r.frames...)
		r.dead = 0
	}
}

// after returns the frames after seq, and whether the ring still holds all of
// them.
func (r *ring) after(seq int64) ([][]byte, bool) {
	i := seq + 1 - r.first
	if i < 0 || i > int64(len(r.frames)) {
		return nil, false
	}
	return r.frames[i:], true
}
