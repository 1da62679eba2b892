// The conversation: messages, and what happened, in their order.
import { $, clock, make } from "./dom.js";
import { fileButton } from "./files.js";
import { api, inRoom } from "./session.js";
import { state } from "./state.js";

// append adds to the end of the log, and stays there when the reader is there.
export function append(li) {
  const s = $("scroll");
  const stay = atEnd();
  const firstPending = $("log").querySelector(".pending");
  $("log").insertBefore(li, firstPending);
  if (stay) s.scrollTop = s.scrollHeight;
}

export const atEnd = () => { const s = $("scroll"); return s.scrollHeight - s.scrollTop - s.clientHeight < 80; };

export function element(m) {
  const mine = m.author.id === state.me;
  const time = make("time", "soft", clock(m.at));
  time.dateTime = m.at;
  const li = make("li", mine ? "message mine" : "message",
    make("p", "who", mine ? "You" : m.author.name, make("span", "soft", mine ? "" : m.author.orgName ?? ""), time),
    make("p", "text", m.deletedAt ? "Deleted" : m.body ?? ""));
  if (m.deletedAt) li.classList.add("gone");
  if (!m.deletedAt) for (const a of m.attachments ?? []) li.append(fileButton(a));
  if (m.editedAt && !m.deletedAt) li.append(make("p", "state", "edited"));
  return li;
}

export function drawMessage(m) {
  if (state.shown.has(m.seq)) return;
  const li = element(m);
  state.shown.set(m.seq, li);
  append(li);
  if (m.author.id !== state.me && state.caughtUp) {
    if (document.hidden) {
      if (!state.unseen) $("log").insertBefore(unread(), li);
      state.unseen++;
    }
    if (!m.deletedAt) $("announce").textContent = `${m.author.name}: ${m.body || "a file"}`;
  }
}

// amend shows a message as it was changed; without a body it was deleted.
export function amend(seq, body) {
  const li = state.shown.get(seq);
  if (!li) return;
  li.querySelector(".text").textContent = body ?? "Deleted";
  for (const e of li.querySelectorAll(".state, .file")) if (body === undefined || e.className === "state") e.remove();
  li.classList.toggle("gone", body === undefined);
  if (body !== undefined) li.append(make("p", "state", "edited"));
}

export function drawFact(at, text, list = [], business = false) {
  const li = make("li", business ? "fact business" : "fact", text, " ", make("time", "soft", clock(at)));
  if (list.length) li.append(make("ul", "", ...list.map((t) => make("li", "", t))));
  append(li);
  if (state.caughtUp && business) $("announce").textContent = text;
  return li;
}

export const unread = () => {
  $("log").querySelector(".unread")?.remove();
  return make("li", "unread", "New");
};

export const toEnd = () => { $("scroll").scrollTop = $("scroll").scrollHeight; };

$("earlier").addEventListener("click", async () => {
  const button = $("earlier");
  button.disabled = true;
  try {
    const got = await (await api("GET", inRoom("/messages?limit=50&before=" + state.oldest))).json();
    const s = $("scroll");
    const below = s.scrollHeight - s.scrollTop;
    for (const m of got.data) { // newest first
      if (state.shown.has(m.seq)) continue;
      const li = element({ ...m, at: m.createdAt });
      state.shown.set(m.seq, li);
      $("log").prepend(li);
    }
    s.scrollTop = s.scrollHeight - below;
    state.oldest = got.nextBefore ?? 1;
    button.hidden = !got.hasMore;
    if (button.hidden) s.focus();
  } catch (e) {
    $("say-error").textContent = e.message;
  }
  button.disabled = false;
});
