// What an underwriter asks of the broker: answers, other terms, conditions.
import { act, more, submit, text } from "./act.js";
import { open } from "./deal.js";
import { day, make, plain } from "./dom.js";
import { money, termsOf } from "./quotes.js";

const of = (r) => "/referrals/" + r.id;

function block(r, title, ...children) {
  const b = make("div", "block turn", make("h3", "", title), ...children);
  b.dataset.referral = r.id;
  return b;
}

// keepQuestions asks for an answer to each open question; they are sent together.
export function keepQuestions(keep, r, may, shut) {
  const n = r.questions.length;
  if (r.status !== "info_requested") return;
  keep("questions " + r.id, [r.questions, may, shut], () => {
    if (!n) return block(r, "The underwriter waits for an answer", make("p", "soft", "What he asks is for no form: say it in the conversation."));
    const title = n === 1 ? "A question from the underwriter" : `${n} questions from the underwriter`;
    if (!may) return block(r, title, make("ul", "plans", ...r.questions.map((q) => make("li", "", q.text))));
    const fields = r.questions.map((q, i) => text(`${q.number} ${q.text}`, `answers[${i}]`, q.text, "Answer this question, too: they are sent together."));
    const form = act("Answers to " + r.id, () => {
      const needs = fields.map((f) => f.querySelector("textarea"));
      return { path: of(r) + "/respond", needs, body: { answers: r.questions.map((q, i) => ({ question: q.number, text: needs[i].value.trim() })) } };
    }, ...fields, submit(n === 1 ? "Send the answer" : `Send ${n} answers`));
    return block(r, title, shut ? more("shut", "Answer for the broker", false, form) : form);
  });
}

// keepCounter shows other terms, to be taken or refused.
export function keepCounter(keep, r, may, shut) {
  const c = r.counter;
  if (!c) return;
  keep("counter " + r.id, [c, may, shut, c.validUntil && day(c.validUntil)], () => {
    const rows = { Premium: money(c.premium), Limit: money(c.limit), Deductible: money(c.deductible), "Not covered": c.exclusions?.join(", "), "Answer until": c.validUntil && day(c.validUntil) };
    const terms = [termsOf(rows), make("p", "soft", "All else stays as it was asked for.")];
    const title = "The underwriter proposes other terms";
    if (!may) return block(r, title, ...terms);
    const why = text("why", "rationale", "Why not, if you refuse", "Say why: the underwriter decides again by it.");
    const spoken = Object.entries(rows).filter(([k, v]) => v && k !== "Answer until").map(([k, v]) => `${k}: ${v}`).join("\n");
    const form = act("Terms of " + r.id, (button) => (button === "take"
      ? { path: of(r) + "/counter", body: { accept: true }, sure: `Take these terms?\n\n${spoken}\n\nThe quote is made anew on them.` }
      : { path: of(r) + "/counter", needs: [why.querySelector("textarea")], body: { accept: false, rationale: why.querySelector("textarea").value.trim() } }),
    why, make("div", "buttons", submit("Take these terms", "", "take"), submit("Refuse", "plain", "refuse")));
    return block(r, title, ...terms, shut ? more("shut", "Answer for the broker", false, form) : form);
  });
}

const before = (c) => (c.kind === "pre_bind" ? "before the bind" : "after the bind");

// keepCondition shows a condition, and takes the word that it is met; now is
// whether it has to be.
export function keepCondition(keep, r, c, may, now) {
  if (!open(c)) return keepOldCondition(keep, c);
  keep("condition " + c.id, [c, may, now, c.dueAt && day(c.dueAt)], () => {
    const facts = [before(c), c.dueAt && "due " + day(c.dueAt)].filter(Boolean).join(", ");
    const b = block(r, c.action, make("p", c.dueAt && new Date(c.dueAt) < new Date() ? "error" : "soft", facts));
    b.classList.toggle("turn", now);
    if (c.status === "rejected") b.append(make("p", "error", `What was sent is not enough${c.note ? ": " + c.note : ""}`));
    if (!may) return b;
    const note = text("note", "note", "How it is met (files go into the conversation)", "Say how it is met, or where what shows it is.");
    b.append(more("met", "Say that it is met", false, act("Condition " + c.id,
      () => ({ path: `${of(r)}/conditions/${c.id}/submit`, needs: [note.querySelector("textarea")], body: { note: note.querySelector("textarea").value.trim() } }), note, submit("Say that it is met"))));
    return b;
  });
}

const became = { submitted: "An underwriter looks at what was sent", accepted: "Met", waived: "Not asked for any more", expired: "Not met in time" };

// keepOldCondition shows what became of a condition.
function keepOldCondition(keep, c) {
  keep("old condition " + c.id, [c], () => make("div", "block", make("p", "", c.action),
    make("p", "soft", (became[c.status] ?? plain(c.status)) + (c.note ? `: “${c.note}”` : "."))));
}
