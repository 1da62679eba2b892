// What strangers, guests and mail scanners do with the link of an invitation, in
// a real browser. Prints ok when all of it went as it should.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { API, ROOM, TOKEN, asking, message, run, shot, until, visit, withAccount } from "./browser.js";

const { BROKER, MAIL } = process.env;
const rest = asking(TOKEN);
const room = "/v1/deal-rooms/" + ROOM;
const people = async () => (await rest("GET", room)).participants;
const said = async () => (await rest("GET", room + "/messages")).data.map((m) => m.body);

// letters are the mails to an address, the oldest first, as plain text.
async function letters(to) {
  const found = [];
  for (const name of (await readdir(MAIL).catch(() => [])).filter((n) => n.endsWith(".eml")).sort()) {
    const raw = (await readFile(join(MAIL, name), "utf8")).replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16)));
    if (new RegExp("^To:.*" + to, "im").test(raw)) found.push(raw);
  }
  return found;
}

async function letter(to, n = 1) {
  const text = (await until(`mail ${n} to ${to}`, async () => { const all = await letters(to); return all.length >= n && all; }))[n - 1];
  return { link: text.match(/http\S+\/rooms\/join#[\w-]+/)[0], code: text.match(/code ([\w-]{9})/)?.[1], text };
}

async function invite(email, more) {
  const sent = await rest("POST", room + "/participants", { email, role: "broker", ...more });
  assert.equal(sent.invitation.status, "pending");
  return { ...sent.invitation, ...(await letter(email)) };
}

// join has the page of a link do what its reader would.
async function enter(page, name, firm) {
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Your firm").fill(firm);
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByLabel("Message", { exact: true }).waitFor();
}

const steps = {
  async "a mail scanner uses nothing up"() {
    const { link } = await invite("scanned@example.net");
    const secret = link.split("#")[1];
    for (let i = 0; i < 10; i++) {
      const res = await fetch(link, { headers: { Purpose: "prefetch", "Sec-Purpose": "prefetch" } });
      assert.equal(res.status, 200);
      assert.match(res.headers.get("set-cookie"), /HttpOnly; SameSite=Strict/);
      await res.text();
    }
    assert.equal((await fetch(link, { method: "HEAD" })).status, 200);
    const post = (path, headers) => fetch(API + path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify({ link: secret, ...(path.endsWith("enter") && { name: "Scanner" }) }) });
    for (const path of ["/auth/guest/knock", "/auth/guest/enter"]) {
      assert.equal((await post(path)).status, 403, path + " without the page's cookie");
      assert.equal((await post(path, { Cookie: "oi_page=made-up" })).status, 403, path + " with another cookie");
      const cookie = (await fetch(link)).headers.get("set-cookie").split(";")[0];
      assert.equal((await post(path, { Cookie: cookie, Origin: "https://evil.example" })).status, 403, path + " from another site");
      assert.equal((await post(path, { Cookie: cookie, "Sec-Fetch-Site": "cross-site" })).status, 403, path + " from another site");
    }
    const seen = await visit(link); // a scanner with a browser
    await seen.getByText("invites you").waitFor();
    assert.equal((await people()).some((p) => p.email === "scanned@example.net"), false);
    const page = await visit(link);
    await enter(page, "Sam Scanned", "Scanned & Sons");
    assert.equal((await people()).filter((p) => p.guest && p.email === "scanned@example.net").length, 1);
  },

  async "from the mail to the first message in three actions, by keyboard"() {
    const { link } = await invite("gus@harbor.example");
    let actions = 0;
    const act = async (f) => { actions++; await f(); };
    let page;
    await act(async () => { page = await visit(link); await page.getByText("You need no account").waitFor(); });
    await shot(page, "join");
    await act(async () => {
      await page.waitForFunction(() => document.activeElement.id === "name");
      await page.keyboard.type("Gus Guest");
      await page.keyboard.press("Enter");
    });
    await page.waitForFunction(() => document.activeElement.id === "words");
    await act(async () => {
      await page.keyboard.type("Good morning.");
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.type("I am Gus.");
      await page.keyboard.press("Enter");
    });
    await message(page, "I am Gus.").waitFor();
    assert.ok(actions <= 3, `${actions} actions`);
    assert.ok((await said()).includes("Good morning.\nI am Gus."));
    assert.equal(page.url(), API + "/rooms/" + ROOM, "the secret has left the address");
    const gus = (await people()).find((p) => p.email === "gus@harbor.example");
    assert.deepEqual([gus.name, gus.orgName, gus.role, gus.canChat, gus.canEdit, gus.canAnnotate], ["Gus Guest", "harbor.example", "broker", true, false, false]);
    this.gus = page;
    this.gusID = gus.userId;
    this.gusLink = link;
  },

  async "what is said is live, once, and text"() {
    const page = this.gus;
    await rest("POST", room + "/messages", { body: "<img src=x onerror=alert(1)> <b>Hello</b>, Gus." });
    await message(page, "<b>Hello</b>, Gus.").waitFor();
    assert.equal(await page.locator("#log img, #log b").count(), 0);
    await until("the announcement", async () => (await page.locator("#announce").textContent()).includes("Hello"));
    await until("his read position", async () => (await people()).find((p) => p.userId === this.gusID).lastReadSeq > 1);
    await page.context().setOffline(true);
    await page.evaluate(() => dispatchEvent(new Event("offline")));
    await page.context().setOffline(false);
    await page.reload();
    await message(page, "I am Gus.").waitFor();
    await message(page, "<b>Hello</b>, Gus.").waitFor();
    assert.equal(await message(page, "I am Gus.").count(), 1);
    await page.getByText("Gus Guest of harbor.example joined").waitFor();
    await page.locator("#people .here", { hasText: "Gus Guest" }).waitFor();
  },

  async "a file goes up and comes down"() {
    const page = this.gus;
    await page.getByLabel("Message", { exact: true }).focus();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "attach", "after the field comes the button");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
    await chooser.setFiles({ name: "losses.txt", mimeType: "text/plain", buffer: Buffer.from("2024: none\n") });
    await page.getByRole("button", { name: "Do not send losses.txt" }).waitFor();
    await page.keyboard.type("Our losses.");
    await page.keyboard.press("Enter");
    const sent = page.locator(".message:not(.pending)", { hasText: "Our losses." });
    await sent.waitFor();
    const [got] = await Promise.all([page.waitForEvent("download"), sent.getByRole("button", { name: "Download losses.txt" }).click()]);
    assert.equal(await readFile(await got.path(), "utf8"), "2024: none\n");
    await page.locator("#files").getByRole("button", { name: "Download losses.txt" }).waitFor();
  },

  async "the order of the keyboard"() {
    const page = this.gus;
    const order = [];
    await page.evaluate(() => { document.activeElement.blur(); getSelection().removeAllRanges(); });
    await page.locator(".skip").focus();
    for (let i = 0; i < 14; i++) {
      order.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName));
      await page.keyboard.press("Tab");
    }
    const wanted = ["skip", "scroll", "words", "attach", "send"];
    assert.deepEqual(order.filter((id) => wanted.includes(id)).slice(0, wanted.length), wanted, order.join(" "));
    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.id === "words");
    const unlabelled = await page.evaluate(() => [...document.querySelectorAll("input:not([aria-hidden]), textarea, button")]
      .filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim())).map((e) => e.id));
    assert.deepEqual(unlabelled, []);
  },

  async "a link is used once, and in another browser only from its own page"() {
    const { link } = await invite("two@example.net");
    const first = await visit(link);
    const second = await visit(link);
    await first.getByText("invites you").waitFor();
    await enter(second, "Second Browser", "");
    await first.getByLabel("Your name").fill("First Browser");
    await first.getByRole("button", { name: "Join" }).click();
    await first.getByText("This invitation is not good any more").waitFor();
    assert.equal((await people()).filter((p) => p.email === "two@example.net").length, 1);
    const third = await visit(this.gusLink); // used long ago: that browser is not known
    await third.getByRole("heading", { name: "Come back to this room" }).waitFor();
    const own = await this.gus.context().newPage(); // and his own is let in
    await own.goto(this.gusLink);
    await message(own, "I am Gus.").waitFor();
    await own.close();
  },

  async "the code in place of the link, and five tries"() {
    const { code } = await invite("coda@example.net");
    const page = await visit(API + "/rooms/join");
    await page.getByRole("textbox", { name: "E-mail address" }).fill("coda@example.net");
    await page.getByLabel("Code from the mail").fill(code.toLowerCase().replace("-", " "));
    await enter(page, "Coda", "Coda LLC");
    await page.context().close();
    const { link } = await invite("guess@example.net");
    const guesser = await visit(API + "/rooms/join");
    await guesser.getByRole("textbox", { name: "E-mail address" }).fill("guess@example.net");
    await guesser.getByLabel("Your name").fill("Guesser");
    for (let i = 0; i < 6; i++) {
      await guesser.getByLabel("Code from the mail").fill(i < 5 ? "2222-222" + (2 + i) : (await letter("guess@example.net")).code);
      await guesser.getByRole("button", { name: "Join" }).click();
      await guesser.getByText("do not belong together").waitFor();
      await guesser.evaluate(() => { document.getElementById("enter-error").textContent = ""; });
    }
    await enter(await visit(link), "Rightful Reader", ""); // a stranger's guesses lock nobody out
  },

  async "the guest who returns is the same participant"() {
    const before = await people();
    const page = await visit(API + "/rooms/" + ROOM);
    await page.getByRole("textbox", { name: "E-mail address" }).fill("GUS@harbor.example");
    await shot(page, "return");
    await page.keyboard.press("Enter");
    await page.getByText("a link is on its way").waitFor();
    const { link } = await letter("gus@harbor.example", 2);
    await page.goto("about:blank");
    await page.goto(link);
    await page.getByRole("heading", { name: "Welcome back, Gus Guest" }).waitFor();
    await page.keyboard.press("Enter");
    await message(page, "I am Gus.").waitFor();
    await page.keyboard.type("It is me again.");
    await page.keyboard.press("Enter");
    await message(page, "It is me again.").waitFor();
    assert.deepEqual((await people()).map((p) => p.userId), before.map((p) => p.userId));
    assert.equal((await rest("GET", room + "/messages")).data[0].author.id, this.gusID);
    await page.locator(".message.mine", { hasText: "I am Gus." }).waitFor();
    const again = await visit(link);
    await again.getByText("This invitation is not good any more").waitFor();
    const nobody = await visit(API + "/rooms/" + ROOM);
    await nobody.getByRole("textbox", { name: "E-mail address" }).fill("nobody@harbor.example");
    await nobody.keyboard.press("Enter");
    await nobody.getByText("a link is on its way").waitFor(); // says the same
    assert.equal((await letters("nobody@harbor.example")).length, 0);
  },

  async "a page is loaded anew when a server of another version lacks its parts"() {
    const page = await visit("about:blank");
    let lacks = 2;
    let loads = 0;
    page.on("load", () => loads++);
    await page.route(/\/rooms\/[0-9a-f]{16}\/(deal|quotes)\.js$/, (route) => (lacks-- > 0 ? route.fulfill({ status: 404, body: "{}" }) : route.continue()));
    await page.goto(API + "/rooms/" + ROOM);
    await page.getByRole("heading", { name: "Come back to this room" }).waitFor();
    await until("the tries are forgotten", () => page.evaluate(() => sessionStorage.getItem("openinsure.reloads") === null));
    assert.ok(loads > 1 && lacks < 0, `${loads} loads`);
    await page.evaluate(() => sessionStorage.setItem("openinsure.reloads", 12));
    lacks = Infinity;
    await page.reload();
    await page.getByText("A part of this page is missing").waitFor(); // and not for ever
    await page.context().close();
  },

  async "how it looks"() {
    await rest("POST", room + "/messages", { body: "Thank you, Gus. We can offer 1M/2M at $14,250 with a $5,000 deductible.\n\nIs the warehouse sprinklered?" });
    await message(this.gus, "sprinklered").waitFor();
    for (const [name, width, height, colorScheme] of [["phone", 360, 740, "light"], ["phone-dark", 360, 740, "dark"], ["desktop", 1200, 800, "light"], ["desktop-dark", 1200, 800, "dark"]]) {
      await this.gus.setViewportSize({ width, height });
      await this.gus.emulateMedia({ colorScheme });
      if (width < 500) await this.gus.evaluate(() => { for (const d of document.querySelectorAll("aside details")) d.open = false; });
      else await this.gus.evaluate(() => { for (const d of document.querySelectorAll("aside details")) d.open = true; });
      await this.gus.evaluate(() => { const s = document.getElementById("scroll"); s.scrollTop = s.scrollHeight; });
      assert.ok(await this.gus.evaluate(() => document.documentElement.scrollWidth <= innerWidth), name + " scrolls sideways");
      await shot(this.gus, name);
    }
  },

  async "a removed guest is told so, and reads no further"() {
    const page = this.gus;
    const began = Date.now();
    await rest("DELETE", room + "/participants/" + this.gusID);
    await page.getByRole("heading", { name: "You are not in this room any more" }).waitFor();
    assert.ok(Date.now() - began < 2000, `after ${Date.now() - began} ms`);
    await shot(page, "gone");
    await rest("POST", room + "/messages", { body: "Gus is gone." });
    assert.equal(await page.locator("#log > li").count(), 0);
    await page.reload();
    await page.getByRole("heading", { name: "Come back to this room" }).waitFor();
    assert.equal((await page.content()).includes("Gus is gone."), false);
    await page.getByRole("textbox", { name: "E-mail address" }).fill("gus@harbor.example");
    await page.keyboard.press("Enter");
    await page.getByText("a link is on its way").waitFor();
    assert.equal((await letters("gus@harbor.example")).length, 2, "and is sent none");
  },

  async "somebody with an account opens it, too"() {
    const page = await withAccount(TOKEN);
    await message(page, "Gus is gone.").waitFor();
    await page.getByLabel("Message", { exact: true }).fill("From the page.");
    await page.keyboard.press("Enter");
    await message(page, "From the page.").waitFor();
  },

  async "a broker with an account accepts what is offered"() {
    const page = await withAccount(BROKER);
    await page.getByText("Nothing is offered yet.").waitFor();
    const guest = await visit((await invite("looker@example.net")).link);
    await enter(guest, "Looker", "");
    const { submissionId } = await rest("GET", room);
    const quote = await rest("POST", `/v1/submissions/${submissionId}/quote`, {});
    await page.locator("#deal", { hasText: "$14,250 for $1,000,000, quoted" }).waitFor();
    const accept = page.getByRole("button", { name: "Accept the quote at $14,250" });
    assert.equal(await accept.count(), 0, "it is not offered yet");
    await rest("POST", `/v1/quotes/${quote.id}/offer`);
    await page.locator("#log .fact", { hasText: "Offered at $14,250." }).getByRole("button").waitFor();
    await page.locator("#deal").getByRole("button", { name: "Accept" }).waitFor();
    await shot(page, "offer");
    page.once("dialog", (d) => d.dismiss());
    await accept.first().click();
    assert.equal((await rest("GET", "/v1/quotes/" + quote.id)).status, "offered");
    page.once("dialog", (d) => d.accept());
    await accept.first().click();
    await page.locator("#deal", { hasText: "$14,250 for $1,000,000, accepted" }).waitFor();
    await page.locator("#log", { hasText: "Accepted at $14,250." }).waitFor();
    await until("no button", async () => (await accept.count()) === 0);
    assert.equal((await rest("GET", "/v1/quotes/" + quote.id)).status, "accepted");
    await guest.locator("#log", { hasText: "Accepted at $14,250." }).waitFor();
    assert.equal(await guest.locator("#deal-box").isVisible(), false, "a guest has no deal");
    assert.equal(await guest.getByRole("button", { name: "Accept" }).count(), 0);
    await shot(page, "accepted");
  },
};

await run(steps);
