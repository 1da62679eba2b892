// What the tests of the room page share: the API, and a browser on the page.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const { API, TOKEN, ROOM } = process.env;
const { CHROMIUM, SHOTS } = process.env;
const within = 15000; // for anything that should happen at once

// asking asks the API as whoever has a token.
export const asking = (token) => async (method, path, body) => {
  const res = await fetch(API + path, { method, headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  const text = await res.text();
  assert.ok(res.ok, `${method} ${path}: ${res.status} ${text}`);
  return text ? JSON.parse(text) : {};
};

export async function until(what, f) {
  for (const end = Date.now() + within; Date.now() < end; await new Promise((r) => setTimeout(r, 30))) {
    const v = await f();
    if (v) return v;
  }
  throw new Error("it did not happen: " + what);
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const faults = [];

// visit opens an address in a browser of its own.
export async function visit(url, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(within);
  page.on("console", (m) => {
    if (m.type() === "error" && /Content Security|Uncaught|Refused/.test(m.text())) faults.push(m.text());
  });
  page.on("filechooser", () => {}); // so that none ever opens for people
  page.on("pageerror", (e) => faults.push(String(e)));
  await page.goto(url);
  return page;
}

// withAccount opens the room as whoever has a token.
export async function withAccount(token, options) {
  const page = await visit(API + "/rooms/" + ROOM, options);
  await page.getByText("I have an account").click();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Open the room" }).click();
  return page;
}

export const shot = async (page, name) => {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, name + ".png") });
};

export const message = (page, text) => page.locator(".message:not(.pending) .text", { hasText: text });

// run takes the steps one after another; what one needs of those before is in this.
export async function run(steps) {
  const shared = {};
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step.call(shared);
      assert.deepEqual(faults, []);
    } catch (e) {
      for (const [i, context] of browser.contexts().entries()) for (const page of context.pages()) await shot(page, "failed-" + i);
      console.error(name + ":");
      throw e;
    }
  }
  await browser.close();
  console.log("ok");
}
