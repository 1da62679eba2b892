// The page of a deal room. It speaks the public protocol, openinsure.v1.json,
// and shows what others wrote as text, never as HTML.

const $ = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const tokenKey = "openinsure.token"; // of somebody with an account; in this tab alone

const state = {
  room: location.pathname.startsWith("/rooms/room_") ? location.pathname.split("/")[2] : "",
  token: "", guest: false, me: "",
  details: null, people: new Map(), here: new Set(), files: new Map(),
  socket: null, tries: 0, over: false, caughtUp: false,
  channel: "", epoch: "", seq: 0, read: 0, oldest: 0,
  shown: new Map(), // messages by their seq: their elements
  pending: new Map(), // what was sent and is not committed, by clientId
  deal: null, dealTag: "", offers: new Map(), // cards of offers, by the quote's id
  attached: [], unseen: 0, typing: new Map(), typed: 0,
};

// make builds an element; what is no element among its children becomes text.
function make(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

function show(id) {
  for (const m of document.querySelectorAll("main")) m.hidden = m.id !== id;
  document.querySelector(".skip").hidden = id !== "room";
}

// A Failure is an answer of the server that is no success.
class Failure extends Error {
  constructor(status, body) {
    super(body.message || "The server cannot be reached. Try again.");
    this.status = status;
    this.code = body.error || "";
    this.details = body.details || {};
  }
}

async function ask(method, path, body, token, more) {
  const headers = { ...more };
  if (token) headers.Authorization = "Bearer " + token;
  if (body && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let res;
  try {
    res = await fetch(path, { method, headers, body, cache: "no-store" });
  } catch {
    throw new Failure(0, {});
  }
  if (!res.ok) throw new Failure(res.status, await res.json().catch(() => ({})));
  return res;
}

const json = async (method, path, body) => {
  const res = await ask(method, path, body);
  return res.status === 204 ? {} : res.json();
};

// api asks as whoever is signed in; a token that ended is renewed once.
async function api(method, path, body, more) {
  try {
    return await ask(method, path, body, state.token, more);
  } catch (e) {
    if (e.status !== 401 || !(await signIn().catch(() => false))) throw e;
    return ask(method, path, body, state.token, more);
  }
}

const inRoom = (rest) => "/v1/deal-rooms/" + state.room + rest;

// Who is it? ------------------------------------------------------------------

// signIn gets a token: the one that somebody with an account keeps in this tab, a
// guest's by the cookie of his browser, or a user's by that of his.
async function signIn() {
  const own = sessionStorage.getItem(tokenKey);
  if (own && own !== state.token) {
    try {
      const me = await (await ask("GET", "/v1/me", undefined, own)).json();
      Object.assign(state, { token: own, me: me.id, guest: false });
      return true;
    } catch (e) {
      if (e.status !== 401) throw e;
      sessionStorage.removeItem(tokenKey);
    }
  }
  try {
    take(await json("POST", "/auth/guest/session", { roomId: state.room }));
    return true;
  } catch (e) {
    if (e.status !== 401 && e.status !== 404) throw e;
  }
  try {
    const { token } = await json("POST", "/auth/session/token"); // a user who signed in in this browser
    const me = await (await ask("GET", "/v1/me", undefined, token)).json();
    Object.assign(state, { token, me: me.id, guest: false });
    return true;
  } catch (e) {
    if (e.status === 401) return false;
    throw e;
  }
}

function take(session) {
  Object.assign(state, { token: session.token, me: session.userId, guest: true, room: session.roomId });
}

function lost(text) {
  state.over = true;
  state.socket?.close();
  if (text) $("gone-text").textContent = text;
  $("log").replaceChildren();
  $("connection").textContent = "";
  show("gone");
  $("gone-title").focus();
}

async function joinPage() {
  let link = decodeURIComponent(location.hash.slice(1));
  const failed = (text) => {
    $("joining-text").textContent = text + " You can use the code of the mail instead:";
    link = "";
    $("by-code").hidden = $("by-name").hidden = false;
  };
  let door = null;
  if (link) {
    try {
      door = await json("POST", "/auth/guest/knock", { link });
    } catch (e) {
      // Who used the link before, on this browser, is let in again.
      if (e.details.roomId) return location.replace("/rooms/" + e.details.roomId);
      failed(e.message);
    }
  } else {
    failed("This address lacks what follows the # in the link.");
  }
  if (door?.returning) {
    $("joining-title").textContent = "Welcome back, " + door.name;
    $("joining-text").textContent = "This link opens “" + door.title + "” on this browser.";
    $("by-name").hidden = true;
  } else if (door) {
    $("joining-title").textContent = door.title;
    $("joining-text").textContent = `${door.inviter} of ${door.company} invites you, ${door.email}, to this deal room. You need no account.`;
  }
  $("title").textContent = door ? door.title : "Deal room";
  show("joining");
  const first = ["email", "name"].map($).find((e) => e.offsetParent) || document.querySelector("#enter button");
  first.focus();
  $("enter").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = $("name").value.trim();
    if (!door?.returning && !name) {
      $("enter-error").textContent = "Say who you are: the others see your name.";
      return $("name").focus();
    }
    const button = document.querySelector("#enter button");
    button.disabled = true;
    $("enter-error").textContent = "";
    const firm = $("firm").value.trim();
    const pass = link ? { link } : { email: $("email").value.trim(), code: $("code").value.trim() };
    try {
      take(await json("POST", "/auth/guest/enter", door?.returning ? pass : { ...pass, name, ...(firm && { firm }) }));
    } catch (e) {
      button.disabled = false;
      $("enter-error").textContent = e.message;
      return;
    }
    history.replaceState(null, "", "/rooms/" + state.room);
    await open();
    $("words").focus();
  });
}

function returnPage() {
  show("returning");
  $("back-email").focus();
}

$("back").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("back-error").textContent = $("back-done").textContent = "";
  try {
    $("back-done").textContent = (await json("POST", "/auth/guest/link", { roomId: state.room, email: $("back-email").value.trim() })).message;
  } catch (e) {
    $("back-error").textContent = e.message;
  }
});

$("account").addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.setItem(tokenKey, $("token").value.trim());
  $("account-error").textContent = "";
  try {
    if (await signIn()) return await open();
    $("account-error").textContent = "This token is not valid, or not any more.";
  } catch (e) {
    $("account-error").textContent = e.message;
  }
});

$("forget").addEventListener("click", async () => {
  state.over = true;
  state.socket?.close();
  sessionStorage.removeItem(tokenKey);
  if (state.guest) await json("POST", "/auth/guest/forget", { roomId: state.room }).catch(() => {});
  location.reload();
});

// The room ----------------------------------------------------------------------

const firstEntries = 200; // that are shown before anybody asks for more

async function open() {
  show("opening");
  try {
    const head = await (await api("GET", inRoom("/messages?limit=1"))).json();
    // Entries and not only messages: what happened is part of the conversation.
    Object.assign(state, { epoch: head.epoch, seq: Math.max(0, head.head - firstEntries), read: head.readSeq });
    state.oldest = state.seq + 1;
  } catch (e) {
    if (e.status === 401) return returnPage();
    return lost(e.message);
  }
  if (matchMedia("(max-width: 48rem)").matches) $("people-box").open = $("files-box").open = $("deal-box").open = false;
  $("forget").hidden = false;
  show("room");
  loadFiles();
  connect();
}

async function connect() {
  while (!state.over) {
    try {
      const { ticket } = await (await api("GET", inRoom("/ws"))).json();
      const code = await live(ticket);
      if (code === 4403) return lost();
      if (code === 4400) return lost("This page and the server do not understand each other. Load it again.");
      if (code === 4401 && !(await signIn())) return state.over || returnPage();
    } catch (e) {
      if (e.code === "not_in_room" || e.status === 404 || e.status === 403) return lost(e.status === 401 ? undefined : e.message);
      if (e.status === 401) return returnPage();
    }
    if (state.over) return;
    $("connection").textContent = "Connecting again…";
    await wait(state.drain ?? Math.random() * Math.min(20000, 500 * 2 ** state.tries));
    state.drain = undefined;
    state.tries++;
  }
}

// live speaks on one socket until it ends, and returns the close code.
function live(ticket) {
  const since = state.epoch + ":" + state.seq;
  const url = location.origin.replace(/^http/, "ws") + "/v1/ws?ticket=" + encodeURIComponent(ticket) + "&since=" + encodeURIComponent(since);
  const socket = new WebSocket(url);
  state.socket = socket;
  state.caughtUp = false;
  return new Promise((ended) => {
    socket.onmessage = (event) => {
      for (const line of event.data.split("\n")) if (line) frame(JSON.parse(line));
    };
    socket.onclose = (event) => {
      state.here.clear();
      drawPeople();
      ended(event.code);
    };
  });
}

function send(f) {
  if (state.socket?.readyState !== WebSocket.OPEN) return false;
  state.socket.send(JSON.stringify(f));
  return true;
}

function frame(f) {
  switch (f.type) {
    case "init": return init(f);
    case "entry": return f.channel === state.channel && entry(f);
    case "live": return live_(f);
    case "ping": return send({ type: "pong" });
    case "presence": return presence(f);
    case "typing": return typing(f);
    case "posted": return posted(f);
    case "error": return refused(f);
    case "reset": return f.channel === state.channel && location.reload();
    case "unsubscribed": return f.channel === state.channel && lost();
    case "drain": state.drain = f.reconnectInMs; return state.socket.close();
  }
}

function init(f) {
  state.tries = 0;
  state.channel = f.channel;
  state.details = f.room;
  state.people = new Map(f.participants.map((p) => [p.userId, p]));
  $("connection").textContent = "";
  drawRoom();
  drawPeople();
  if (!f.resumed) {
    // What was missed cannot be had as entries: begin again with the messages.
    state.shown.clear();
    $("log").replaceChildren();
    Object.assign(state, { epoch: f.epoch, seq: f.seq, oldest: f.messages[0]?.seq ?? f.seq + 1 });
    for (const m of f.messages) drawMessage({ ...m, at: m.createdAt });
    live_();
  }
  send({ type: "presence", channel: state.channel });
  for (const p of state.pending.values()) sendPending(p);
}

// live_ is called when everything that was owed is there.
function live_() {
  if (state.caughtUp) return;
  state.caughtUp = true;
  $("earlier").hidden = state.oldest <= 1;
  loadDeal();
  markUnread();
  readNow();
}

function entry(f) {
  if (f.seq <= state.seq) return; // shown already
  if (f.seq > state.seq + 1) return state.socket.close(); // not ours to mend: resume from where we are
  state.seq = f.seq;
  const at = f.event.timestamp;
  const d = f.event.data;
  const kind = f.event.type.replace("deal_room.", "");
  switch (kind) {
    case "message_posted": drawMessage({ ...d, seq: f.seq, at }); break;
    case "message_edited": amend(d.seq, d.deletedAt ? undefined : d.body); break;
    case "message_deleted": amend(d.seq); break;
    case "card_posted": {
      const li = drawFact(at, d.text, [...(d.conditions ?? []), ...(d.questions ?? [])], true);
      if (d.card === "quote.offered") state.offers.set(d.quoteId, li);
      if (state.caughtUp) loadDeal();
      break;
    }
    case "file_added": state.files.set(d.file.fileId, d.file); drawFiles(); drawFact(at, `${d.author.name} added ${d.file.name}`); break;
    case "participant_added":
    case "participant_updated":
      state.people.set(d.participant.userId, { ...state.people.get(d.participant.userId), ...d.participant });
      drawPeople();
      if (kind === "participant_added") drawFact(at, `${d.participant.name} of ${d.participant.orgName} joined`);
      break;
    case "participant_removed": {
      const name = state.people.get(d.userId)?.name ?? "Somebody";
      state.people.delete(d.userId);
      drawPeople();
      drawFact(at, name + (d.left ? " left" : " was removed"));
      break;
    }
    case "updated": state.details.title = d.title; drawFact(at, `${d.author.name} named the room “${d.title}”`); break;
    case "closed": state.details.status = "closed"; drawFact(at, `${d.author.name} closed the room: ${d.reason}`, [], true); break;
    case "reopened": state.details.status = "active"; drawFact(at, `${d.author.name} opened the room again`, [], true); break;
    case "archived": state.details.status = "archived"; drawFact(at, `${d.author.name} archived the room`, [], true); break;
    case "annotation_added": drawFact(at, `${d.annotation.author.name} on page ${d.annotation.page}: ${d.annotation.body}`); break;
  }
  drawRoom();
  if (state.caughtUp) readNow();
}

function drawRoom() {
  const r = state.details;
  $("title").textContent = r.title;
  $("about").textContent = `${r.insuredName} · ${r.lineOfBusiness} · ${r.status}`;
  $("about").hidden = false;
  document.title = (state.unseen ? `(${state.unseen}) ` : "") + r.title;
  const mine = state.people.get(state.me);
  const why = r.status !== "active" ? "The room is " + r.status + ": it can be read." : mine?.canChat || mine?.role === "lead_underwriter" ? "" : "You can read this room, and not write in it.";
  $("say").hidden = why !== "";
  $("readonly").hidden = why === "";
  $("readonly").textContent = why;
  drawDeal();
}

// The deal ------------------------------------------------------------------------

// loadDeal reads how the deal stands; a guest does not know it.
async function loadDeal() {
  if (state.guest) return;
  try {
    tookDeal(await api("GET", inRoom("/deal")));
  } catch { /* the room itself says what is wrong */ }
}

async function tookDeal(res) {
  state.dealTag = res.headers.get("ETag");
  state.deal = await res.json();
  drawDeal();
}

const dollars = (n) => n.toLocaleString("en-US", { style: "currency", currency: "USD", minimumFractionDigits: n % 1 ? 2 : 0 });
const plain = (s) => s.replaceAll("_", " ");

// mayDeal is whether the server lets me act on the deal; it decides, this only
// spares a button.
function mayDeal() {
  const mine = state.people.get(state.me);
  return !state.guest && state.details?.status === "active" && mine && (mine.role === "lead_underwriter" || mine.canChat && (mine.canEdit || mine.role === "broker"));
}

function acceptButton(q) {
  const b = make("button", "accept", "Accept");
  b.type = "button";
  b.setAttribute("aria-label", `Accept the quote at ${dollars(q.grossPremium)}`);
  b.addEventListener("click", async () => {
    if (!confirm(`Accept the quote at ${dollars(q.grossPremium)}? The others are not taken up then.`)) return;
    b.disabled = true;
    $("deal-error").textContent = "";
    try {
      await tookDeal(await api("POST", inRoom(`/quotes/${q.id}/accept`), undefined, { "If-Match": state.dealTag }));
    } catch (e) {
      b.disabled = false;
      $("deal-box").open = true;
      $("deal-error").textContent = e.status === 412 ? "The deal has changed meanwhile. Look at it again." : e.message;
      loadDeal();
    }
  });
  return b;
}

function drawDeal() {
  const d = state.deal;
  if (!d) return;
  $("deal-box").hidden = false;
  $("deal-status").textContent = plain(d.status);
  const may = mayDeal(), stay = atEnd();
  const lines = d.quotes.map((q) => {
    const until = q.status === "offered" || q.status === "quoted" ? `, good until ${new Date(q.expiresAt).toLocaleDateString()}` : "";
    const li = make("li", "", make("strong", "", dollars(q.grossPremium)), make("span", "soft", ` for ${dollars(q.terms.requestedLimit)}, ${plain(q.status)}${until}`));
    const offered = q.status === "offered" && may;
    if (offered) li.append(acceptButton(q));
    const card = state.offers.get(q.id);
    card?.querySelector(".accept")?.remove();
    if (offered) card?.append(acceptButton(q));
    return li;
  });
  for (const [id, card] of state.offers) if (!d.quotes.some((q) => q.id === id)) card.querySelector(".accept")?.remove();
  for (const r of d.referrals) {
    for (const q of r.questions) lines.push(make("li", "", `Asked: ${q.text}`));
    for (const c of r.conditions) lines.push(make("li", "", c.action, make("span", "soft", ` ${plain(c.status)}${c.dueAt ? `, by ${new Date(c.dueAt).toLocaleDateString()}` : ""}`)));
    if (r.counter) lines.push(make("li", "", "Other terms wait for an answer."));
  }
  $("deal").replaceChildren(...(lines.length ? lines : [make("li", "soft", "Nothing is offered yet.")]));
  if (stay) toEnd();
}

function drawPeople() {
  const of = (p) => (state.here.has(p.userId) ? 0 : 1);
  const people = [...state.people.values()].sort((a, b) => of(a) - of(b) || a.name.localeCompare(b.name));
  $("people-count").textContent = `${people.length}, ${people.filter((p) => !of(p)).length} here`;
  $("people").replaceChildren(...people.map((p) => {
    const here = !of(p);
    const dot = make("span", "dot");
    dot.setAttribute("aria-hidden", "true");
    const about = p.role.replace("_", " ") + (p.guest ? ", guest" : "") + (p.userId === state.me ? ", you" : "");
    return make("li", here ? "person here" : "person", dot, make("span", "", p.name, make("span", "soft", ` ${p.orgName} · ${about}`), here ? make("span", "unseen", ", here now") : ""));
  }));
}

function presence(f) {
  if (f.channel !== state.channel) return;
  for (const p of f.join ?? []) state.here.add(p.id);
  for (const id of f.leave ?? []) state.here.delete(id);
  drawPeople();
}

function typing(f) {
  if (f.channel !== state.channel || !f.by || f.by.id === state.me) return;
  clearTimeout(state.typing.get(f.by.name));
  state.typing.delete(f.by.name);
  if (f.on) state.typing.set(f.by.name, setTimeout(() => { state.typing.delete(f.by.name); drawTyping(); }, 5000));
  drawTyping();
}

const drawTyping = () => { $("typing").textContent = state.typing.size ? [...state.typing.keys()].join(", ") + " writing…" : ""; };

// Messages ----------------------------------------------------------------------

const clock = (at) => {
  const d = new Date(at);
  const today = d.toDateString() === new Date().toDateString();
  return d.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
};

// append adds to the end of the log, and stays there when the reader is there.
function append(li) {
  const s = $("scroll");
  const stay = atEnd();
  const firstPending = $("log").querySelector(".pending");
  $("log").insertBefore(li, firstPending);
  if (stay) s.scrollTop = s.scrollHeight;
}

const atEnd = () => { const s = $("scroll"); return s.scrollHeight - s.scrollTop - s.clientHeight < 80; };

function element(m) {
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

function drawMessage(m) {
  if (state.shown.has(m.seq)) return;
  settle(m.clientId);
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
function amend(seq, body) {
  const li = state.shown.get(seq);
  if (!li) return;
  li.querySelector(".text").textContent = body ?? "Deleted";
  for (const e of li.querySelectorAll(".state, .file")) if (body === undefined || e.className === "state") e.remove();
  li.classList.toggle("gone", body === undefined);
  if (body !== undefined) li.append(make("p", "state", "edited"));
}

function drawFact(at, text, list = [], business = false) {
  const li = make("li", business ? "fact business" : "fact", text, " ", make("time", "soft", clock(at)));
  if (list.length) li.append(make("ul", "", ...list.map((t) => make("li", "", t))));
  append(li);
  if (state.caughtUp && business) $("announce").textContent = text;
  return li;
}

const unread = () => {
  $("log").querySelector(".unread")?.remove();
  return make("li", "unread", "New");
};

// markUnread draws the line before the first message of others that was not
// read, once everything is there.
function markUnread() {
  if (!state.read) return toEnd();
  const first = [...state.shown].find(([seq, li]) => seq > state.read && !li.classList.contains("mine"));
  if (!first || $("log").querySelector(".unread")) return toEnd();
  $("log").insertBefore(unread(), first[1]);
  $("log").querySelector(".unread").scrollIntoView({ block: "center" });
}

const toEnd = () => { $("scroll").scrollTop = $("scroll").scrollHeight; };

// readNow moves the read position when the reader sees the end.
function readNow() {
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

// Writing -------------------------------------------------------------------------

const words = $("words");

words.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("say").requestSubmit();
});

words.addEventListener("input", () => {
  if (Date.now() - state.typed < 3000) return;
  state.typed = Date.now();
  send({ type: "typing", channel: state.channel, on: true });
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = words.value.trim();
  if (!body && !state.attached.length) return;
  $("say-error").textContent = "";
  const p = { id: crypto.randomUUID?.() ?? uuid(), body, attachments: state.attached };
  p.li = element({ author: { id: state.me }, at: new Date().toISOString(), body, attachments: p.attachments });
  p.li.classList.add("pending");
  p.li.append(make("p", "state", "sending…"));
  state.pending.set(p.id, p);
  $("log").append(p.li);
  toEnd();
  words.value = "";
  state.attached = [];
  state.typed = 0;
  drawAttached();
  sendPending(p);
});

// uuid is crypto.randomUUID for pages that are not served over https.
function uuid() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// sendPending sends a message, again after a connection was lost: its clientId
// makes it one.
function sendPending(p) {
  if (!state.channel || p.failed) return;
  send({ id: p.id, type: "post", channel: state.channel, clientId: p.id, body: p.body, ...(p.attachments.length && { attachments: p.attachments.map((a) => a.fileId) }) });
}

// settle takes away what stood for a message that is committed.
function settle(id) {
  state.pending.get(id)?.li.remove();
  state.pending.delete(id);
}

function posted(f) {
  if (f.seq <= state.seq) settle(f.id); // else its entry is on the way
}

function refused(f) {
  const p = state.pending.get(f.id);
  if (!p) return;
  if (f.retry) return setTimeout(() => sendPending(p), Math.max(f.afterMs, 500));
  p.failed = true;
  p.li.classList.add("failed");
  p.li.querySelector(".state").textContent = "Not sent: " + f.message;
  $("say-error").textContent = f.message;
  if (!words.value) words.value = p.body;
}

// Files -----------------------------------------------------------------------------

const size = (n) => (n < 1024 ? n + " B" : n < 1048576 ? Math.round(n / 1024) + " KB" : (n / 1048576).toFixed(1) + " MB");

function fileButton(f) {
  const b = make("button", "plain file", `${f.name} (${size(f.size)})`);
  b.type = "button";
  b.setAttribute("aria-label", `Download ${f.name}, ${size(f.size)}`);
  b.addEventListener("click", () => download(f));
  return b;
}

async function download(f) {
  try {
    const blob = await (await api("GET", inRoom(`/files/${f.fileId}/content`))).blob();
    const a = make("a");
    a.href = URL.createObjectURL(blob);
    a.download = f.name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60000);
  } catch (e) {
    $("say-error").textContent = e.message;
  }
}

async function loadFiles() {
  try {
    const got = await (await api("GET", inRoom("/files?limit=100"))).json();
    for (const f of got.data.reverse()) state.files.set(f.id, { ...f, fileId: f.id });
    drawFiles();
  } catch { /* the room itself says what is wrong */ }
}

function drawFiles() {
  $("files-count").textContent = state.files.size || "";
  $("files").replaceChildren(...[...state.files.values()].reverse().map((f) => make("li", "", fileButton(f))));
  if (!state.files.size) $("files").append(make("li", "soft", "None yet."));
}

$("attach").addEventListener("click", () => $("file").click());

$("file").addEventListener("change", async () => {
  const file = $("file").files[0];
  $("file").value = "";
  if (!file) return;
  $("say-error").textContent = "";
  const button = $("attach");
  button.disabled = true;
  button.textContent = "Sending file…";
  try {
    const form = new FormData();
    form.append("file", file);
    const f = await (await api("POST", inRoom("/files"), form)).json();
    state.attached.push({ ...f, fileId: f.id });
    drawAttached();
    words.focus();
  } catch (e) {
    $("say-error").textContent = file.name + ": " + e.message;
  }
  button.disabled = false;
  button.textContent = "Attach";
});

function drawAttached() {
  $("attached").replaceChildren(...state.attached.map((f) => {
    const b = make("button", "plain", "Remove");
    b.type = "button";
    b.setAttribute("aria-label", "Do not send " + f.name);
    b.addEventListener("click", () => {
      state.attached = state.attached.filter((a) => a !== f);
      drawAttached();
      words.focus();
    });
    return make("li", "", `${f.name} (${size(f.size)})`, b);
  }));
}

// Begin -------------------------------------------------------------------------------

if (state.room) {
  show("opening");
  try {
    await ((await signIn()) ? open() : returnPage());
  } catch (e) {
    lost(e.message);
  }
} else {
  await joinPage();
}
