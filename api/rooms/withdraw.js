// Taking the submission back.
import { act, field, more, submit, text } from "./act.js";
import { make } from "./dom.js";

const reasons = {
  insured_request: "The insured wants it so", coverage_elsewhere: "It is covered elsewhere", price: "The price", no_longer_needed: "It is not needed any more",
  broker_of_record_changed: "The broker of record has changed", entered_in_error: "It was entered by mistake", other: "Something else",
};

export function keepWithdraw(keep, may) {
  if (!may) return;
  keep("withdraw", [], () => {
    const why = make("select");
    for (const [value, label] of Object.entries(reasons)) {
      const o = make("option", "", label);
      o.value = value;
      why.append(o);
    }
    const words = text("message", "message", "In words, for both sides", "", 500);
    const area = words.querySelector("textarea");
    area.dataset.missing = "Say in words what it is.";
    why.addEventListener("change", () => { area.required = why.value === "other"; });
    return more("withdraw", "Withdraw the submission", false, act("Withdrawal", () => ({
      path: "/withdraw", needs: [area], body: { reason: why.value, ...(area.value.trim() && { message: area.value.trim() }) },
      sure: "Withdraw the submission? Its quotes are not taken up, and the room closes in some days. This cannot be undone.",
    }), field(why, "reason", "reason", "Why"), words, submit("Withdraw", "danger")));
  });
}
