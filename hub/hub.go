// Package hub keeps live connections and carries what was committed to them:
// sessions, channels, presence, fan-out. It knows names and bytes, and nothing
// of insurance.
//
// What it promises, whatever fails:
//
//   - P1 An entry exists if and only if its transaction committed; (channel,
//     epoch, seq) names one entry for ever.
//   - P2 seq is gapless per channel, in the order of commits.
//   - P3 A session is handed seq strictly +1 within an epoch, or is told reset
//     first.
//   - P4 The broker only makes it fast: taking it away changes latency, to the
//     tail's poll, and never content.
//   - P5 A slow session costs one partial write of memory, not a queue, and
//     being slow never loses it anything.
//   - P6 Nobody is handed a byte of a channel later than a second after the
//     commit that took the right away; a node that has not heard from the Log
//     for a second pauses delivery.
//
// P1 and P2 are the Log's, the rest is kept here: one mechanism, a cursor per
// subscription into a ring of frames per channel, and behind the ring the Log.
package hub
