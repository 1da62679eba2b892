// How far was read.
import { $ } from "./dom.js";
import { drawRoom } from "./head.js";
import { atEnd, toEnd, unread } from "./log.js";
import { send } from "./socket.js";
import { state } from "./state.js";

// markUnread draws the line before the first message of others that was not
// read, once everything is there.
export function markUnread() {
  if (!state.read) return toEnd();
  const first = [...state.shown].find(([seq, li]) => seq > state.read && !li.classList.contains("mine"));
  if (!first || $("log").querySelector(".unread")) return toEnd();
  $("log").insertBefore(unread(), first[1]);
  $("log").querySelector(".unread").scrollIntoView({ block: "center" });
}

// readNow moves the read position when the reader sees the end.
export function readNow() {
  const s = $("scroll");
  if (document.hidden || !state.caughtUp || s.scrollHeight - s.scrollTop - s.clientHeight > 80) return;
  if (state.unseen) {
    state.unseen = 0;
    drawRoom();
  }
  if (state.seq > state.read && send({ type: "read", channel: state.channel, seq: state.seq })) state.read = state.seq;
}

document.addEventListener("visibilitychange", readNow);
$("scroll").addEventListener("scroll", readNow, { passive: true });
