// The box of the deal beside the conversation, and the buttons on its cards.
import { isBusy, keepWords } from "./act.js";
import { keepCondition, keepCounter, keepQuestions } from "./answers.js";
import { drawnBy, inside, isOver, mayDeal, toBind, turns, turnsOf, waits } from "./deal.js";
import { $, make, plain } from "./dom.js";
import { Stack } from "./keep.js";
import { atEnd, toEnd } from "./log.js";
import { acceptForm, keepBind, keepQuote } from "./quotes.js";
import { state } from "./state.js";
import { keepWithdraw } from "./withdraw.js";

const stack = new Stack($("deal"));

export function drawDeal() {
  const d = state.deal;
  if (!d || !state.details) return;
  $("deal-box").hidden = false;
  const may = mayDeal(), stay = atEnd();
  const n = turns(d);
  $("deal-status").textContent = plain(d.status);
  $("deal-turns").textContent = n ? (may && !inside() ? `${n} for you` : `${n} with the broker`) : "";
  const lost = stack.draw((keep) => blocks(keep, d, may, n)).filter((e) => !isBusy(e.form));
  if (keepWords(lost)) stack.draw((keep) => blocks(keep, d, may, n));
  drawCards(d, may);
  if (stay) toEnd();
}

drawnBy(drawDeal);

function blocks(keep, d, may, n) {
  const head = (key, title) => keep("head " + key, [title], () => make("h2", "", title));
  const shut = inside(); // who asks does not answer, as a rule
  for (const u of state.unsent) keepUnsent(keep, u);
  const conditions = d.referrals.flatMap((r) => r.conditions.map((c) => [r, c])).sort(([, a], [, b]) => (a.dueAt ?? "9").localeCompare(b.dueAt ?? "9"));
  if (n) head("turns", may && !shut ? "Your turn" : "The broker's turn");
  for (const r of d.referrals) {
    keepQuestions(keep, r, may, shut);
    keepCounter(keep, r, may, shut);
  }
  for (const [r, c] of conditions) if (waits(d, c)) keepCondition(keep, r, c, may, true);
  const q = toBind(d), bindAsked = q && state.binds.has(q.id);
  if (q && !bindAsked) keepBind(keep, q, may);
  const isOffered = (x) => x.status === "offered";
  for (const x of d.quotes.filter(isOffered)) keepQuote(keep, x, may);
  const asked = d.referrals.filter((r) => r.status === "in_review").length;
  if (asked) keep("in review", [asked], () => make("p", "soft", asked === 1 ? "A question is with an underwriter." : `${asked} questions are with underwriters.`));
  const known = d.quotes.filter((x) => !isOffered(x));
  if (known.length) head("quotes", "Quotes");
  if (!d.quotes.length) keep("no quotes", [], () => make("p", "soft", "Nothing is offered yet."));
  if (bindAsked) keepBind(keep, q, may);
  for (const x of known) keepQuote(keep, x, may);
  const others = conditions.filter(([, c]) => !waits(d, c));
  if (others.length) head("conditions", "Conditions");
  for (const [r, c] of others) keepCondition(keep, r, c, may && !isOver(d), false);
  keepWithdraw(keep, may && !isOver(d));
}

// keepUnsent keeps words whose form is no more until somebody has used them.
function keepUnsent(keep, u) {
  const mayWrite = !$("say").hidden;
  keep("unsent " + u, [mayWrite], () => {
    const button = (label, className, f) => {
      const b = make("button", className, label);
      b.type = "button";
      b.addEventListener("click", () => {
        state.unsent = state.unsent.filter((x) => x !== u);
        f();
        drawDeal();
      });
      return b;
    };
    const use = button("Use it as a message", "", () => {
      $("words").value = [$("words").value, u].filter(Boolean).join("\n");
      $("words").focus();
    });
    return make("div", "block turn", make("h3", "", "What you wrote, kept"), make("p", "soft", "Its form is gone: what it was for is done, or is not asked of you any more."), make("p", "words", u),
      make("div", "buttons", ...(mayWrite ? [use] : []), button("Discard", "plain", () => {})));
  });
}

// drawCards puts on the last card of an offer or a referral what leads on.
function drawCards(d, may) {
  const quotes = new Map(d.quotes.map((q) => [q.id, q])), referrals = new Map(d.referrals.map((r) => [r.id, r]));
  for (const [id, card] of state.cards) {
    const q = quotes.get(id), r = referrals.get(id);
    if (may && q?.status === "offered") onCard(card, "accept", () => acceptForm(q));
    else if (may && !inside() && r && turnsOf(d, r)) onCard(card, "answer", () => answerButton(id));
    else onCard(card, "");
  }
}

function onCard(card, what, make) {
  const old = card.querySelector("[data-act]");
  if ((old?.dataset.act ?? "") === what) return;
  if (old?.contains(document.activeElement)) $("scroll").focus();
  old?.remove();
  if (!what) return;
  const e = make();
  e.dataset.act = what;
  card.append(e);
}

function answerButton(id) {
  const b = make("button", "plain act", "Answer in the deal");
  b.type = "button";
  b.addEventListener("click", () => {
    $("deal-box").open = true;
    const block = [...$("deal").querySelectorAll("[data-referral]")].find((e) => e.dataset.referral === id);
    for (const e of block?.querySelectorAll("details") ?? []) e.open = true;
    (block?.querySelector("textarea") ?? $("deal-box").querySelector("summary")).focus();
  });
  return b;
}
