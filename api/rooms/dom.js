// Elements, and how values are written for people.

export const $ = (id) => document.getElementById(id);
export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// make builds an element; what is no element among its children becomes text.
export function make(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

export function show(id) {
  for (const m of document.querySelectorAll("main")) m.hidden = m.id !== id;
  document.querySelector(".skip").hidden = id !== "room";
}

export const dollars = (n) => n.toLocaleString("en-US", { style: "currency", currency: "USD", minimumFractionDigits: n % 1 ? 2 : 0 });
export const plain = (s) => s.replaceAll("_", " ");

export const clock = (at) => {
  const d = new Date(at);
  const today = d.toDateString() === new Date().toDateString();
  return d.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
};

export const size = (n) => (n < 1024 ? n + " B" : n < 1048576 ? Math.round(n / 1024) + " KB" : (n / 1048576).toFixed(1) + " MB");

// day writes a day, and how far it is from today.
export function day(at) {
  const d = new Date(at), midnight = (x) => new Date(x.getFullYear(), x.getMonth(), x.getDate());
  const days = Math.round((midnight(d) - midnight(new Date())) / 864e5);
  const far = days === 0 ? "today" : days === 1 ? "tomorrow" : days > 0 ? `in ${days} days` : days === -1 ? "yesterday" : `${-days} days ago`;
  return `${d.toLocaleDateString([], { dateStyle: "medium" })}, ${far}`;
}
