// The files of the room.
import { $, make, size } from "./dom.js";
import { api, inRoom } from "./session.js";
import { state } from "./state.js";

export function fileButton(f) {
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

export async function loadFiles() {
  try {
    const got = await (await api("GET", inRoom("/files?limit=100"))).json();
    for (const f of got.data.reverse()) state.files.set(f.id, { ...f, fileId: f.id });
    drawFiles();
  } catch { /* the room itself says what is wrong */ }
}

export function drawFiles() {
  $("files-count").textContent = state.files.size || "";
  $("files").replaceChildren(...[...state.files.values()].reverse().map((f) => make("li", "", fileButton(f))));
  if (!state.files.size) $("files").append(make("li", "soft", "None yet."));
}
