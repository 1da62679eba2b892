// Who is in the room, who is here now, and who writes.
import { $, make } from "./dom.js";
import { state } from "./state.js";

export function drawPeople() {
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

export function presence(f) {
  if (f.channel !== state.channel) return;
  for (const p of f.join ?? []) state.here.add(p.id);
  for (const id of f.leave ?? []) state.here.delete(id);
  drawPeople();
}

export function typing(f) {
  if (f.channel !== state.channel || !f.by || f.by.id === state.me) return;
  clearTimeout(state.typing.get(f.by.name));
  state.typing.delete(f.by.name);
  if (f.on) state.typing.set(f.by.name, setTimeout(() => { state.typing.delete(f.by.name); drawTyping(); }, 5000));
  drawTyping();
}

const drawTyping = () => { $("typing").textContent = state.typing.size ? [...state.typing.keys()].join(", ") + " writing…" : ""; };
