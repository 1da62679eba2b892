// How the deal of the room stands, and what one may do about it.
import { $, dollars, make, plain } from "./dom.js";
import { atEnd, toEnd } from "./log.js";
import { api, inRoom } from "./session.js";
import { state } from "./state.js";

// loadDeal reads how the deal stands; a guest does not know it.
export async function loadDeal() {
  if (state.guest) return;
  try {
    tookDeal(await api("GET", inRoom("/deal")));
  } catch { /* the room itself says what is wrong */ }
}

export async function tookDeal(res) {
  state.dealTag = res.headers.get("ETag");
  state.deal = await res.json();
  drawDeal();
}

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

export function drawDeal() {
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
