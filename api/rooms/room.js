// The page of a deal room. It speaks the public protocol, openinsure.v1.json,
// and shows what others wrote as text, never as HTML.
import { accounts, joinPage, lost, returnPage } from "./doors.js";
import { $, show } from "./dom.js";
import { loadFiles } from "./files.js";
import { frame } from "./frames.js";
import { api, inRoom, signIn } from "./session.js";
import { connect } from "./socket.js";
import { state } from "./state.js";

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
  connect(frame);
}

accounts(open);

if (state.room) {
  show("opening");
  try {
    await ((await signIn()) ? open() : returnPage());
  } catch (e) {
    lost(e.message);
  }
} else {
  await joinPage(open);
}
