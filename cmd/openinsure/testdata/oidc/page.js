// How users sign in, and how thieves try to, in a real browser at a real sign-in
// server. Prints ok when all of it went as it should.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { API, IDP, ROOM, CHROMIUM, SHOTS } = process.env;
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const faults = [];

// person is somebody with a browser of his own.
async function person() {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on("console", (m) => {
    if (page.url().startsWith(API) && m.type() === "error" && /Content Security|Uncaught|Refused/.test(m.text())) faults.push(m.text());
  });
  page.on("pageerror", (e) => page.url().startsWith(API) && faults.push(String(e)));
  return { context, page };
}

// signIn does what the server's pages ask for. They load a font from elsewhere,
// which nobody needs to wait for.
async function signIn(page, name, before = async () => {}) {
  await page.locator('input[name="login"]').fill(name, { timeout: 60000 });
  await page.locator('input[name="password"]').fill("any");
  await page.locator('button[type="submit"]').click();
  await page.getByText("Authorize", { exact: true }).waitFor();
  await before();
  await page.locator('button[type="submit"]').click();
}

const open = (page, url) => page.goto(url, { waitUntil: "domcontentloaded" });
const session = async (context) => (await context.cookies(API)).find((c) => c.name === "oi_session");
const me = async (token) => (await fetch(API + "/v1/me", { headers: { Authorization: "Bearer " + token } })).status;
const shot = async (page, name) => {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, name + ".png") });
};

// refused says that a page is the one for somebody who does not get in.
async function refused(who, code) {
  await who.page.getByText(code).waitFor();
  assert.match(await who.page.title(), /not let in/);
  assert.equal(await session(who.context), undefined, code + " has a session");
}

// caught is the address that the server sends a browser back to, which the
// browser does not open: from the last form on, its steps are taken by hand.
async function caught(who, name) {
  const answer = new Promise((done, fail) => {
    const byHand = () => who.context.route(IDP + "/interaction/**", async (route) => {
      let res = await route.fetch({ maxRedirects: 0 });
      while (!res.headers().location.startsWith(API)) res = await who.context.request.get(res.headers().location, { maxRedirects: 0 });
      await route.abort();
      done(res.headers().location);
    });
    open(who.page, API + "/auth/oidc").then(() => signIn(who.page, name, byHand)).catch(fail); // after done, nobody minds
  });
  const url = await answer;
  await who.context.unroute(IDP + "/interaction/**");
  return url;
}

// She opens the docs, signs in elsewhere, and is back where she wanted to be.
const ada = await person();
await open(ada.page, API + "/docs");
assert.ok(ada.page.url().startsWith(IDP), "sent to " + ada.page.url());
await shot(ada.page, "idp");
await signIn(ada.page, "ada@summit.example");
await ada.page.waitForURL(API + "/docs");
await ada.page.getByText("Use a login link, once").first().waitFor({ state: "attached" });
await shot(ada.page, "docs");
const cookie = await session(ada.context);
assert.ok(cookie.httpOnly && cookie.sameSite === "Lax" && cookie.path === "/", JSON.stringify(cookie));
assert.equal(await ada.page.evaluate(() => document.cookie), "");

// Her page has a token for her programs.
await open(ada.page, API + "/account");
await ada.page.getByText("You are signed in as Ada Administrator").waitFor();
const token = await ada.page.getByLabel("A token for your programs").inputValue();
assert.equal(await me(token), 200);
await shot(ada.page, "account");

// A room opens for her without anything else.
await open(ada.page, API + "/rooms/" + ROOM);
await ada.page.locator("#log").waitFor();
await ada.page.locator("main#room").waitFor();

// The answer that signed her in is good once, and in no other browser.
const una = await person();
const answer = await caught(una, "una@summit.example");
const thief = await person();
await open(thief.page, answer);
await refused(thief, "sign_in_invalid");
await shot(thief.page, "refused");
await open(una.page, answer);
await una.page.getByText("You are signed in as Una Underwriter").waitFor();
await una.context.clearCookies({ name: "oi_session" });
await open(una.page, answer);
await refused(una, "sign_in_invalid");

// A thief's own code in her attempt: the server itself does not take it, since
// the verifier is hers.
const theft = new URL(await caught(thief, "una@summit.example"));
const victim = await person();
const hers = new URL(await caught(victim, "una@summit.example"));
hers.searchParams.set("code", theft.searchParams.get("code"));
await open(victim.page, hers.href);
await refused(victim, "sign_in_invalid");

// An answer that says it is of another server.
const mixed = await person();
const mix = new URL(await caught(mixed, "una@summit.example"));
assert.equal(mix.searchParams.get("iss"), IDP);
mix.searchParams.set("iss", "https://evil.example");
await open(mixed.page, mix.href);
await refused(mixed, "sign_in_invalid");

// People whom we do not know, or not so.
for (const [name, code] of [["eve@evil.example", "identity_unknown"], ["unverified.una@summit.example", "email_unverified"], ["ben@harbor.example", "identity_role"]]) {
  const who = await person();
  await open(who.page, API + "/docs");
  await signIn(who.page, name);
  await refused(who, code);
  await who.context.close();
}

// She signs out: the token ends with it.
await open(ada.page, API + "/account");
await ada.page.getByRole("button", { name: "Sign out" }).click();
await ada.page.getByText("You are signed out.").waitFor();
assert.equal(await session(ada.context), undefined);
assert.equal(await me(token), 401);
assert.deepEqual(faults, []);
await browser.close();
console.log("ok");
