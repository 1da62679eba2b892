// What the room is, above the conversation, and whether one may write in it.
import { drawDeal } from "./dealbox.js";
import { $ } from "./dom.js";
import { state } from "./state.js";

export function drawRoom() {
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
