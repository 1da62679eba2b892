package hub

// RingBytes is the memory of all rings and pages.
func RingBytes(h *Hub) int64 { return h.memory.Load() }

// HeadOf is what the node knows of a channel.
func HeadOf(h *Hub, channel string) int64 {
	if ch := h.channels.get(channel); ch != nil {
		return ch.head.Load()
	}
	return -1
}

// Channels is how many channels are open.
func Channels(h *Hub) int { return h.channels.len() }

// Owed is how many answers wait in all sessions.
func Owed(h *Hub) int {
	n := 0
	for _, s := range h.registry.all() {
		n += int(s.owed.Load())
	}
	return n
}
