// The plans by which a quote can be paid.
import { dollars, plain } from "./dom.js";

const names = {
  PIF: "In full", TWO_PAY: "Two payments", QUARTERLY: "Quarterly", MONTHLY_10: "Monthly, 20% down", MONTHLY_12: "Monthly, twelve parts",
  PREMIUM_FINANCE: "Premium finance",
};

export const planName = (plan) => names[plan] ?? plain(plan);

// plansOf is each plan of a quote: its value, its name, and what is due when.
export const plansOf = (q) => [
  ...Object.entries(q.schedule).sort(([, a], [, b]) => a.length - b.length).map(([plan, parts]) => ({ value: plan, name: planName(plan), text: due(parts) })),
  ...q.plansByAgreement.map((plan) => ({ value: plan, name: planName(plan), text: "What is due when, the agreement with the financier says." })),
];

function due([first, ...rest]) {
  if (!rest.length) return `${dollars(first.amount)} at the start.`;
  const sum = (of) => rest.reduce((n, p) => n + Math.round(p[of] * 100), Math.round(first[of] * 100)) / 100;
  const amounts = rest.map((p) => p.amount), low = Math.min(...amounts), high = Math.max(...amounts);
  const each = low === high ? dollars(low) : `${dollars(low)} to ${dollars(high)}`;
  const every = rest[0].dueAfterMonths;
  const then = rest.length === 1 ? `${each} after ${every} months` : `${rest.length} × ${each} every ${every === 1 ? "month" : every + " months"}`;
  const fees = sum("fee");
  return `${dollars(first.amount)} at the start, then ${then}. ${dollars(sum("amount"))} in all${fees ? `, of which ${dollars(fees)} fees` : ""}.`;
}
