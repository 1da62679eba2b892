// Forms that change the deal.
import { loadDeal, move, redraw } from "./deal.js";
import { $, make } from "./dom.js";
import { state } from "./state.js";

let made = 0;

// control names a control: of is its own in its block, name is the API's field.
function control(e, of, name) {
  e.id = "act-" + ++made;
  e.dataset.of = of;
  e.dataset.field = name;
  return e;
}

// wrong is where what is wrong with a control is said.
function wrong(e) {
  const p = make("p", "error");
  p.id = e.id + "-wrong";
  p.dataset.of = e.dataset.of + " wrong";
  p.setAttribute("role", "alert");
  e.setAttribute("aria-describedby", p.id);
  return p;
}

// field is a control with its label.
export function field(e, of, name, label) {
  const l = make("label", "", label);
  l.htmlFor = control(e, of, name).id;
  return make("div", "field", l, e, wrong(e));
}

// text is a field for words; without a sentence for when it is empty it may be.
export function text(of, name, label, missing, longest = 5000) {
  const e = make("textarea");
  Object.assign(e, { rows: 2, maxLength: longest, required: Boolean(missing) });
  if (missing) e.dataset.missing = missing;
  return field(e, of, name, label);
}

// choice is a field of which one thing is picked; what is said of each stands
// below its name.
export function choice(of, name, legend, options) {
  const set = control(make("fieldset"), of, name);
  set.append(make("legend", "", legend), ...options.map((o, i) => {
    const radio = make("input");
    Object.assign(radio, { type: "radio", name: set.id, value: o.value, checked: i === 0 });
    radio.dataset.of = of + " " + o.value;
    return make("label", "pick", radio, make("span", "", o.name, make("span", "soft", o.text)));
  }), wrong(set));
  return set;
}

export function submit(label, className = "", value = "") {
  const b = make("button", className, label);
  Object.assign(b, { type: "submit", value });
  b.dataset.of = "submit " + value;
  return b;
}

// more is what is shown when somebody asks for it.
export function more(of, label, open, ...children) {
  const e = make("details", "more", make("summary", "", label), ...children);
  e.dataset.of = of;
  e.firstChild.dataset.of = of + " summary";
  e.open = open;
  return e;
}

// act is a form of the deal. to says, of the value of the button that was pressed,
// what is asked of the API: its path, its body, the fields that have to be filled,
// and a question to be sure of it.
export function act(title, to, ...children) {
  const alert = make("p", "error");
  alert.setAttribute("role", "alert");
  alert.dataset.of = "alert";
  const form = make("form", "act", ...children);
  form.insertBefore(alert, form.querySelector(":scope > .buttons, :scope > button"));
  form.noValidate = true;
  form.dataset.title = title;
  form.addEventListener("input", ({ target }) => unsay(target.closest("[data-field]")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy(form)) return;
    clear(form);
    $("deal-error").textContent = "";
    const wanted = to(event.submitter?.value);
    const empty = (wanted.needs ?? []).filter((e) => e.required && !e.value.trim());
    for (const e of empty) say(e, e.dataset.missing);
    if (empty.length) return empty[0].focus();
    if (wanted.sure && !confirm(wanted.sure)) return;
    form.setAttribute("aria-busy", "true");
    try {
      await move(wanted.path, wanted.body);
      form.reset(); // what was sent is nothing to keep
    } catch (e) {
      await refused(form, e);
    }
    form.removeAttribute("aria-busy");
  });
  return form;
}

// isBusy reports whether a form waits for its answer.
export const isBusy = (form) => form.hasAttribute("aria-busy");

const say = (e, sentence) => {
  document.getElementById(e.id + "-wrong").textContent = sentence;
  e.setAttribute("aria-invalid", "true");
};

function unsay(e) {
  document.getElementById(e.id + "-wrong").textContent = "";
  e.removeAttribute("aria-invalid");
}

function clear(form) {
  form.querySelector("[data-of=alert]").textContent = "";
  for (const e of form.querySelectorAll("[data-field]")) unsay(e);
}

const sentences = { required: "This is needed.", minLength: "This is needed.", maxLength: "This is too long.", enum: "This is not one of the choices." };

// refused shows what the API says against a form, beside the fields that it
// names, and the deal as it is now. What has no form any more stands above.
async function refused(form, e) {
  const named = new Map();
  const fields = e.details.errors ?? (e.details.field ? [e.details] : []);
  for (const f of fields) {
    const at = [...form.querySelectorAll("[data-field]")].find((c) => f.field === c.dataset.field || f.field.startsWith(c.dataset.field + "."));
    if (at) named.set(at, e.code === "validation_failed" ? sentences[f.rule] ?? "This is not valid." : e.message);
  }
  const stale = e.status === 412;
  const sentence = stale ? "The deal has changed meanwhile, and is shown as it is now. Look at it again." : named.size ? "" : e.message;
  if (stale || e.status === 404 || e.status === 409 || e.status === 422) await loadDeal();
  const now = form.isConnected ? form : twinOf(form);
  if (!now) {
    keepWords(form.querySelectorAll("textarea"));
    $("deal-error").textContent = sentence || e.message;
    return redraw();
  }
  for (const [c, s] of named) {
    const t = [...now.querySelectorAll("[data-field]")].find((n) => n.dataset.of === c.dataset.of);
    if (t) say(t, s);
  }
  for (let d = now.closest(".more"); d; d = d.parentElement.closest(".more")) d.open = true;
  now.querySelector("[data-of=alert]").textContent = sentence;
  const first = now.querySelector("[aria-invalid]");
  (first?.matches("fieldset") ? first.querySelector("input:checked") : first)?.focus();
}

// twinOf is the form that took the place of one.
const twinOf = (form) => [...document.querySelectorAll("form.act")].find((f) => f.dataset.title === form.dataset.title);

// keepWords keeps what was typed into fields that are no more, and reports
// whether there was anything.
export function keepWords(fields) {
  const words = [...fields].map((e) => e.value.trim()).filter(Boolean).join("\n");
  if (words) state.unsent.push(words);
  return words !== "";
}
