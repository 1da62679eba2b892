// A broker's side of a deal, from the first question to the end, by forms of the
// page of the room; an underwriter looks on. Prints ok when all of it went as it
// should.
import assert from "node:assert/strict";
import { ROOM, TOKEN, asking, message, run, shot, until, withAccount } from "./browser.js";

const { ADMIN, BROKER } = process.env;
const una = asking(TOKEN), ada = asking(ADMIN), ben = asking(BROKER);
const room = "/v1/deal-rooms/" + ROOM;
const { submissionId } = await una("GET", room);
const deal = () => una("GET", room + "/deal");

// referred has ada ask, and una decide.
async function referred(decision, about = { entityType: "submission", entityId: submissionId }) {
  const { id } = await ada("POST", "/v1/referrals", { reason: "prior_losses", rationale: "Two losses.", dealRoomId: ROOM, ...about });
  if (decision) await decided(id, decision);
  return id;
}

const decided = (id, decision) => una("POST", `/v1/referrals/${id}/decision`, { rationale: "secret", ...decision });
const asked = (...questions) => ({ decision: "request_more_info", questions });
const box = (page) => page.locator("#deal");
const card = (page, text) => page.locator("#log .fact", { hasText: text });
const act = (page, name) => box(page).getByRole("button", { name });
const sure = (page, answer) => page.once("dialog", (d) => (answer ? d.accept() : d.dismiss()));
const alert = (page, text) => page.locator("#deal-box [role=alert]", { hasText: text }).waitFor();
const offered = async (more) => {
  const { id } = await una("POST", `/v1/submissions/${submissionId}/quote`, more);
  await una("POST", `/v1/quotes/${id}/offer`);
  return id;
};

// looks takes pictures of the deal, and sees that nothing sticks out.
async function looks(page, name) {
  for (const [size, width, height] of [["wide", 1280, 900], ["narrow", 375, 740]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await shot(page, `deal-${name}-${size}-${colorScheme}`);
    }
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} ${size} scrolls sideways`);
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("#deal input, #deal select, #deal textarea")].filter((e) => e.labels.length !== 1).map((e) => e.outerHTML)), [], "without a label");
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });
}

// behind has the page not see what f changes, as if its news were still on the
// way, until it has asked for a change itself.
async function behind(page, f) {
  let asked = false;
  await page.unrouteAll();
  await page.route("**/v1/deal-rooms/**", (route) => {
    const r = route.request();
    asked ||= r.method() === "POST";
    return !asked && r.url().endsWith("/deal") ? route.abort() : route.continue();
  });
  await f();
}

const steps = {
  async "questions are answered together, by keyboard, and what is typed stays"() {
    const page = this.ben = await withAccount(BROKER, { viewport: { width: 1280, height: 900 } });
    this.una = await withAccount(TOKEN);
    await box(page).getByText("Nothing is offered yet.").waitFor();
    const id = this.referral = await referred(asked("Are both claims closed?", "Who inspected the roof?"));
    await box(page).getByRole("heading", { name: "2 questions from the underwriter" }).waitFor();
    await page.locator("#deal-turns", { hasText: "2 for you" }).waitFor();
    await this.una.locator("#deal-turns", { hasText: "2 with the broker" }).waitFor();
    assert.equal(await box(this.una).locator("textarea:visible").count(), 0, "who asked is not pressed to answer");
    await card(page, "needs more information").getByRole("button", { name: "Answer in the deal" }).press("Enter");
    await page.keyboard.type("Both are ");
    await una("POST", room + "/messages", { body: "Take your time." });
    await message(page, "Take your time.").waitFor();
    this.other = await referred(undefined, { entityType: "submission", entityId: submissionId, reason: "other" });
    await box(page).getByText("A question is with an underwriter.").waitFor();
    await page.keyboard.type("closed.");
    assert.equal(await page.getByLabel("Are both claims closed?").inputValue(), "Both are closed.");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await alert(page, "Answer this question, too");
    assert.equal(await page.getByLabel("Who inspected the roof?").getAttribute("aria-invalid"), "true");
    await page.keyboard.type("A licensed inspector.");
    await looks(page, "questions");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await card(this.una, "The questions were answered.").waitFor();
    await box(page).getByLabel("Are both claims closed?").waitFor({ state: "detached" });
    const inside = (await una("GET", "/v1/referrals/" + id)).infoRequests[0].questions.map((q) => q.answer.text);
    assert.deepEqual(inside, ["Both are closed.", "A licensed inspector."]);
    assert.equal(await box(page).getByText("What you wrote, kept").count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY", "the focus is still in the box");
  },

  async "a deal that has changed is shown anew, and no word is lost"() {
    const page = this.ben;
    await decided(this.referral, asked("Since when?"));
    const answer = page.getByLabel("Since when?");
    await answer.fill("Since May.");
    await behind(page, () => decided(this.other, asked("Who is the foreman?")));
    await act(page, "Send the answer").click();
    await alert(page, "The deal has changed meanwhile");
    await looks(page, "stale");
    assert.equal(await answer.inputValue(), "Since May.");
    await page.getByLabel("Who is the foreman?").fill("Mr. Smith.");
    await box(page).locator("form", { has: answer }).getByRole("button").click();
    await answer.waitFor({ state: "detached" });
    // Somebody else was faster.
    await behind(page, () => ada("POST", `/v1/referrals/${this.other}/respond`, { answers: [{ question: 1, text: "Mr. Jones." }] }));
    await act(page, "Send the answer").click();
    await alert(page, "The deal has changed meanwhile");
    await box(page).getByRole("heading", { name: "What you wrote, kept" }).waitFor();
    await shot(page, "deal-unsent");
    await act(page, "Use it as a message").click();
    assert.equal(await page.evaluate(() => document.activeElement.value), "Mr. Smith.");
    await page.keyboard.press("Enter");
    await message(this.una, "Mr. Smith.").waitFor();
    assert.equal(await box(page).getByText("What you wrote, kept").count(), 0);
  },

  async "who may only read is offered nothing"() {
    const page = this.ben;
    const may = (canChat) => una("PATCH", room, { participants: [{ userId: this.benID, canChat }] });
    this.benID = (await ben("GET", "/v1/me")).id;
    await decided(this.other, asked("Is it sprinklered?"));
    await page.getByLabel("Is it sprinklered?").fill("It is.");
    await may(false);
    await page.getByLabel("Is it sprinklered?").waitFor({ state: "detached" });
    await box(page).getByText("Is it sprinklered?").waitFor();
    assert.equal(await box(page).locator("form, textarea").count(), 0);
    assert.equal(await page.locator("#log").getByRole("button").count(), 0);
    await box(page).locator(".words", { hasText: "It is." }).waitFor();
    await may(true);
    await act(page, "Discard").click();
    await page.getByLabel("Is it sprinklered?").fill("Yes.");
    await act(page, "Send the answer").click();
    await until("the answer", async () => (await deal()).referrals.every((r) => r.status === "in_review"));
    await decided(this.other, { decision: "approve" });
  },

  async "a condition is said to be met, until it is"() {
    const page = this.ben, soon = new Date(Date.now() + 3 * 864e5).toISOString();
    await decided(this.referral, { decision: "approve", conditions: [{ action: "Report the payroll.", kind: "post_bind" }, { action: "Send the roof inspection report.", dueAt: soon }] });
    const roof = box(page).locator(".block", { hasText: "Send the roof inspection report." });
    await roof.getByText("before the bind, due").filter({ hasText: "in 3 days" }).waitFor();
    assert.deepEqual(await box(page).locator(".block h3").allTextContents(), ["Send the roof inspection report.", "Report the payroll."]);
    await page.locator("#deal-turns", { hasText: "1 for you" }).waitFor(); // the other comes after the bind
    await card(page, "with conditions").getByRole("button", { name: "Answer in the deal" }).click();
    await roof.getByRole("button").click();
    await alert(page, "Say how it is met");
    await roof.getByLabel("How it is met").fill("It was inspected in May.");
    await looks(page, "conditions");
    await roof.getByRole("button").click();
    await card(this.una, "A condition was reported as met.").waitFor();
    await box(page).getByText("An underwriter looks at what was sent: “It was inspected in May.”").waitFor();
    const condition = async () => (await una("GET", "/v1/referrals/" + this.referral)).decision.conditions.find((c) => /roof/.test(c.action));
    assert.equal((await condition()).status, "submitted");
    const path = `/v1/referrals/${this.referral}/conditions/${(await condition()).id}`;
    await una("POST", path, { action: "reject", note: "The report itself." });
    await roof.getByText("What was sent is not enough").waitFor();
    await roof.getByText("Say that it is met").first().click();
    assert.equal(await roof.getByLabel("How it is met").inputValue(), "");
    await roof.getByLabel("How it is met").fill("The report is in the room.");
    await roof.getByRole("button").click();
    await until("the second word", async () => (await condition()).status === "submitted");
    await una("POST", path, { action: "accept" });
    await box(page).locator(".block", { hasText: "Send the roof inspection report." }).getByText(/^Met: /).waitFor();
    assert.equal(await box(page).getByText("What you wrote, kept").count(), 0);
  },

  async "other terms are refused with a reason, and taken after a question"() {
    const page = this.ben;
    const quote = await offered({});
    await act(page, "Accept the quote at $14,250").waitFor();
    const id = await referred({ decision: "approve", counter: { premium: 15000, limit: 500000, exclusions: ["Roofing"] } }, { entityType: "quote", entityId: quote });
    const terms = box(page).locator(".block", { hasText: "The underwriter proposes other terms" });
    await terms.getByText("$15,000").waitFor();
    for (const part of ["$500,000", "Roofing"]) await terms.getByText(part).waitFor();
    await looks(page, "counter");
    await shot(this.una, "deal-inside");
    await terms.getByRole("button", { name: "Refuse" }).click();
    await alert(page, "Say why");
    await terms.getByLabel("Why not").fill("Too little cover.");
    await terms.getByRole("button", { name: "Refuse" }).click();
    await card(this.una, "The proposed terms were not accepted.").waitFor();
    await terms.waitFor({ state: "detached" });
    await decided(id, { decision: "approve", counter: { premium: 15000, exclusions: ["Roofing"] } });
    await terms.waitFor();
    assert.equal(await terms.getByLabel("Why not").inputValue(), "", "these are other terms");
    sure(page, false);
    await terms.getByRole("button", { name: "Take these terms" }).click();
    assert.notEqual((await deal()).referrals.find((r) => r.id === id).counter, undefined);
    page.once("dialog", (d) => { this.said = d.message(); d.accept(); });
    await terms.getByRole("button", { name: "Take these terms" }).click();
    await card(this.una, "The proposed terms were accepted.").waitFor();
    assert.match(this.said, /Premium: \$15,000\nNot covered: Roofing/);
    await box(page).getByText("$15,000 for $1,000,000").waitFor();
  },

  async "the bind is asked for, by a plan"() {
    const page = this.ben;
    const quote = (await deal()).quotes.find((q) => q.grossPremium === 15000);
    await una("POST", `/v1/quotes/${quote.id}/offer`);
    sure(page, true);
    await box(page).getByRole("button", { name: "Accept the quote at $15,000" }).click();
    await box(page).getByRole("heading", { name: "Bind at $15,000" }).waitFor();
    const plan = (name) => page.getByRole("radio", { name });
    await box(page).getByText("$3,000 at the start, then 8 × $1,508 every month. $15,064 in all, of which $64 fees.").first().waitFor();
    await plan("Monthly, 20% down").check();
    await looks(page, "bind");
    await box(page).getByText("Payment plans (6)").click();
    await shot(page, "deal-plans");
    const lose = async (route) => { // the answer, of a request that arrives
      if (route.request().method() === "POST") await route.fetch();
      await route.abort();
    };
    await page.route("**/bind-request", lose);
    await act(page, "Ask for the bind").click();
    await alert(page, "The server cannot be reached.");
    await page.unroute("**/bind-request", lose);
    assert.equal(await plan("Monthly, 20% down").isChecked(), true);
    await act(page, /^Ask (for the bind|with this plan)$/).click();
    await box(page).getByText("The server cannot be reached.").waitFor({ state: "detached" });
    await card(this.una, "To be bound at $15,000, paid by: monthly, 20% down.").waitFor();
    await box(page).getByText("paid by: Monthly, 20% down").waitFor();
    await box(page).locator(".more", { hasText: "Ask with another plan" }).evaluate((e) => { e.open = true; });
    await plan("Premium finance").check();
    await act(page, "Ask with this plan").click();
    await card(this.una, "To be bound at $15,000, paid by: premium finance.").waitFor();
    assert.equal(await card(this.una, "paid by: monthly, 20% down").count(), 1, "asked twice, done once");
    await page.reload();
    await box(page).getByText("paid by: Premium finance").waitFor();
  },

  async "the submission is withdrawn, when that is sure"() {
    const page = this.ben;
    await box(page).getByText("Withdraw the submission").click();
    await page.getByLabel("Why", { exact: true }).selectOption("other");
    await act(page, "Withdraw").click();
    await alert(page, "Say in words what it is.");
    const words = page.getByLabel("In words, for both sides");
    await words.evaluate((e) => { e.required = false; });
    sure(page, true);
    await act(page, "Withdraw").click();
    await alert(page, "This is needed."); // by the API
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "TEXTAREA");
    await words.fill("The project was cancelled.");
    await looks(page, "withdraw");
    sure(page, false);
    await act(page, "Withdraw").click();
    assert.equal((await deal()).status, "quoted");
    sure(page, true);
    await act(page, "Withdraw").click();
    await page.locator("#deal-status", { hasText: "withdrawn" }).waitFor();
    await card(this.una, "withdrawn").waitFor();
    assert.equal(await box(page).getByText("What you wrote, kept").count(), 0);
    assert.equal((await una("GET", "/v1/submissions/" + submissionId)).ending.message, "The project was cancelled.");
    assert.equal(await box(page).getByRole("button").count(), 0);
  },
};

await run(steps);
