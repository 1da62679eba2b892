// What the server says on the socket.
import { loadDeal } from "./deal.js";
import { lost } from "./doors.js";
import { $ } from "./dom.js";
import { drawFiles } from "./files.js";
import { drawRoom } from "./head.js";
import { amend, drawFact, drawMessage } from "./log.js";
import { drawPeople, presence, typing } from "./people.js";
import { markUnread, readNow } from "./reading.js";
import { posted, refused, sendPending, settle } from "./say.js";
import { send } from "./socket.js";
import { state } from "./state.js";

export function frame(f) {
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
    for (const m of f.messages) said({ ...m, at: m.createdAt });
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

// said shows a message, in place of what stood for it here.
function said(m) {
  settle(m.clientId);
  drawMessage(m);
}

// leads remembers a card from which the broker goes on, and the plan by which a
// bind was asked for.
function leads(d, li) {
  if (d.card === "quote.offered") state.cards.set(d.quoteId, li);
  if (d.card === "submission.bind_requested") state.binds.set(d.quoteId, d.installmentPlan);
  if (!d.referralId) return;
  state.cards.get(d.referralId)?.querySelector("[data-act]")?.remove();
  if (d.whoseTurn === "broker") state.cards.set(d.referralId, li);
  else state.cards.delete(d.referralId);
}

function entry(f) {
  if (f.seq <= state.seq) return; // shown already
  if (f.seq > state.seq + 1) return state.socket.close(); // not ours to mend: resume from where we are
  state.seq = f.seq;
  const at = f.event.timestamp;
  const d = f.event.data;
  const kind = f.event.type.replace("deal_room.", "");
  switch (kind) {
    case "message_posted": said({ ...d, seq: f.seq, at }); break;
    case "message_edited": amend(d.seq, d.deletedAt ? undefined : d.body); break;
    case "message_deleted": amend(d.seq); break;
    case "card_posted": {
      const li = drawFact(at, d.text, [...(d.conditions ?? []), ...(d.questions ?? [])], true);
      leads(d, li);
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
