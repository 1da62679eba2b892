// Blocks that outlive a redraw: what was typed in them stays, and the focus too.
// Whatever is to be found again in a block has a data-of that is its own there.

// A Stack is the children of an element, each kept by its key.
export class Stack {
  #parent;
  #blocks = new Map();

  constructor(parent) { this.#parent = parent; }

  // draw shows the blocks that build keeps, in its order. A block that says the
  // same as before is not touched; one that says something else is made anew and
  // takes over what was typed. Returned are text fields that nothing took over.
  draw(build) {
    const before = this.#blocks, focus = focusIn(this.#parent);
    const now = this.#blocks = new Map(), lost = [];
    build((key, says, make) => {
      const old = before.get(key), sign = JSON.stringify(says);
      if (old?.sign === sign) return now.set(key, old);
      const element = make();
      element.dataset.key = key;
      if (old) lost.push(...carry(old.element, element));
      now.set(key, { sign, element });
    });
    arrange(this.#parent, [...now.values()].map((b) => b.element));
    focus?.(now);
    for (const [key, b] of before) if (!now.has(key)) lost.push(...b.element.querySelectorAll("textarea"));
    return lost;
  }
}

// arrange makes elements the children of parent and moves none that needs not
// move: moving one takes the focus away.
function arrange(parent, elements) {
  for (const e of [...parent.children]) if (!elements.includes(e)) e.remove();
  let at = parent.firstElementChild;
  for (const e of elements) {
    if (e === at) at = at.nextElementSibling;
    else parent.insertBefore(e, at);
  }
}

const twin = (e, root) => root && [...root.querySelectorAll("[data-of]")].find((t) => t.dataset.of === e.dataset.of);

// carry gives a new block what was typed and opened in the old one, and returns
// the text fields that the new one lacks.
function carry(old, fresh) {
  const lost = [];
  for (const e of old.querySelectorAll("[data-of]")) {
    const t = twin(e, fresh);
    if (!t) {
      if (e.matches("textarea")) lost.push(e);
      continue;
    }
    if (e.matches("details")) t.open = e.open;
    else if (e.matches(".error")) t.textContent = e.textContent;
    else if (e.matches("[type=radio]")) t.checked = e.checked;
    else if (e.matches("textarea, select")) t.value = e.value;
    if (t.matches("select")) t.dispatchEvent(new Event("change"));
  }
  return lost;
}

// focusIn remembers what has the focus in parent, and returns what gives it back.
function focusIn(parent) {
  const e = document.activeElement;
  const key = parent.contains(e) && e.closest("[data-key]")?.dataset.key;
  if (!key) return null;
  const { selectionStart, selectionEnd } = e;
  return (blocks) => {
    const t = e.isConnected ? e : twin(e, blocks.get(key)?.element);
    if (t === document.activeElement) return;
    (t ?? parent.closest("details").querySelector("summary")).focus();
    if (t?.matches("textarea")) t.setSelectionRange(selectionStart, selectionEnd);
  };
}
