// The quotes of the deal: what they cost, for what, and until when.
import { act, choice, more, submit } from "./act.js";
import { day, dollars, make, plain } from "./dom.js";
import { planName, plansOf } from "./plans.js";
import { state } from "./state.js";

// termsOf lists terms of a quote or a counter-offer, of which some may be absent.
export function termsOf(terms) {
  const rows = Object.entries(terms).filter(([, v]) => v);
  return make("dl", "terms", ...rows.flatMap(([k, v]) => [make("dt", "", k), make("dd", "", v)]));
}

export const money = (n) => (n === undefined ? "" : dollars(n));

// acceptForm is the button that takes a quote; beside it, and on its card.
export function acceptForm(q) {
  const price = dollars(q.grossPremium);
  const button = submit("Accept");
  button.setAttribute("aria-label", `Accept the quote at ${price}`);
  return act("Accept " + q.id, () => ({ path: `/quotes/${q.id}/accept`, sure: `Accept the quote at ${price}? The others are not taken up then.` }), button);
}

export function keepQuote(keep, q, may) {
  const open = q.status === "offered" || q.status === "quoted" || q.status === "accepted";
  keep("quote " + q.id, [q, may, open && day(q.expiresAt)], () => {
    const block = make("div", q.status === "offered" && may ? "block turn" : "block",
      make("p", "", make("strong", "", dollars(q.grossPremium)), make("span", "soft", ` for ${dollars(q.terms.requestedLimit)}, ${plain(q.status)}`)),
      termsOf({ Aggregate: money(q.terms.aggregateLimit), Deductible: money(q.terms.deductible), "Not covered": q.terms.exclusions?.join(", "), "Good until": open && day(q.expiresAt) }));
    if (q.status === "quoted") block.append(make("p", "soft", "The underwriter has yet to offer it."));
    if (q.status === "offered" && may) block.append(acceptForm(q));
    if (open) {
      const plans = plansOf(q);
      block.append(more("plans", `Payment plans (${plans.length})`, false, make("ul", "plans", ...plans.map((p) => make("li", "", make("strong", "", p.name), make("span", "soft", p.text))))));
    }
    return block;
  });
}

// keepBind asks for the bind of the quote that was accepted.
export function keepBind(keep, q, may) {
  const before = state.binds.get(q.id);
  keep("bind " + q.id, [q, may, before], () => {
    const title = make("h3", "", `Bind at ${dollars(q.grossPremium)}`);
    const said = make("p", "soft", before ? `It was asked for, paid by: ${planName(before)}. An underwriter binds it.` : may ? "The quote is accepted. Say how it is to be paid, and underwriters bind it." : "The broker has yet to ask for it.");
    const block = make("div", may && !before ? "block turn" : "block", title, said);
    if (!may) return block;
    const plans = choice("plan", "installmentPlan", "How it is to be paid", plansOf(q));
    const form = act("Bind " + q.id, () => ({ path: "/bind-request", body: { installmentPlan: plans.querySelector(":checked").value } }), plans, submit(before ? "Ask with this plan" : "Ask for the bind"));
    block.append(before ? more("again", "Ask with another plan", false, form) : form);
    return block;
  });
}
