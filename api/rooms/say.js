// Writing: the message field, files with a message, and what is not committed.
import { $, make, size } from "./dom.js";
import { element, toEnd } from "./log.js";
import { api, inRoom } from "./session.js";
import { send } from "./socket.js";
import { state } from "./state.js";
import { newID } from "./uuid.js";

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
  const p = { id: newID(), body, attachments: state.attached };
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

// sendPending sends a message, again after a connection was lost: its clientId
// makes it one.
export function sendPending(p) {
  if (!state.channel || p.failed) return;
  send({ id: p.id, type: "post", channel: state.channel, clientId: p.id, body: p.body, ...(p.attachments.length && { attachments: p.attachments.map((a) => a.fileId) }) });
}

// settle takes away what stood for a message that is committed.
export function settle(id) {
  state.pending.get(id)?.li.remove();
  state.pending.delete(id);
}

export function posted(f) {
  if (f.seq <= state.seq) settle(f.id); // else its entry is on the way
}

export function refused(f) {
  const p = state.pending.get(f.id);
  if (!p) return;
  if (f.retry) return setTimeout(() => sendPending(p), Math.max(f.afterMs, 500));
  p.failed = true;
  p.li.classList.add("failed");
  p.li.querySelector(".state").textContent = "Not sent: " + f.message;
  $("say-error").textContent = f.message;
  if (!words.value) words.value = p.body;
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
