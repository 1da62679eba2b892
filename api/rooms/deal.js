// How the deal of the room stands, and what one may do about it.
import { api, inRoom } from "./session.js";
import { state } from "./state.js";
import { newID } from "./uuid.js";

let draw = () => {};
let asked = 0; // of the last question about the deal: answers to those before come too late

// drawnBy says what draws the deal whenever it was read.
export const drawnBy = (f) => { draw = f; };

export const redraw = () => draw();

// loadDeal reads how the deal stands; a guest does not know it.
export async function loadDeal() {
  if (state.guest) return;
  const mine = ++asked;
  try {
    await took(await api("GET", inRoom("/deal")), mine);
  } catch { /* the room itself says what is wrong */ }
}

let unanswered = {}; // the last change whose answer was lost: asked for again, it is made once

// move changes the deal, as long as it is what the page shows.
export async function move(path, body) {
  const what = JSON.stringify([path, body, state.dealTag]);
  if (unanswered.what !== what) unanswered = { what, key: newID() };
  let res;
  try {
    res = await api("POST", inRoom(path), body, { "If-Match": state.dealTag, "Idempotency-Key": unanswered.key });
  } catch (e) {
    if (e.status && e.status < 500) unanswered = {};
    throw e;
  }
  unanswered = {};
  await took(res, ++asked);
}

async function took(res, mine) {
  const deal = await res.json();
  if (mine !== asked) return;
  state.dealTag = res.headers.get("ETag");
  state.deal = deal;
  draw();
}

// mayDeal is whether the server lets me act on the deal; it decides, this only
// spares a button.
export function mayDeal() {
  const mine = state.people.get(state.me);
  return Boolean(!state.guest && state.details?.status === "active" && mine && (mine.role === "lead_underwriter" || mine.canChat && (mine.canEdit || mine.role === "broker")));
}

// inside is whether I am of the room's own company, for whom a broker's
// turn is not his own.
export const inside = () => state.people.get(state.me)?.orgId === state.details?.orgId;

// open reports whether a condition is to be met.
export const open = (c) => c.status === "open" || c.status === "rejected";

// waits reports whether the broker is to meet a condition now.
export const waits = (d, c) => open(c) && (c.kind === "pre_bind" ? !isOver(d) : d.status === "bound");

// isOver reports whether nothing more becomes of the submission.
export const isOver = (d) => ["declined", "withdrawn", "expired", "bound"].includes(d.status);

// toBind is the quote whose bind can be asked for.
export const toBind = (d) => (d.status === "quoted" ? d.quotes.find((q) => q.status === "accepted") : undefined);

// turnsOf counts what of a referral waits for the broker.
export const turnsOf = (d, r) => r.questions.length + r.conditions.filter((c) => waits(d, c)).length + (r.counter ? 1 : 0);

// turns counts what of the deal waits for the broker.
export function turns(d) {
  const q = toBind(d);
  return d.referrals.reduce((n, r) => n + turnsOf(d, r), 0) + d.quotes.filter((q) => q.status === "offered").length + (q && !state.binds.has(q.id) ? 1 : 0);
}
