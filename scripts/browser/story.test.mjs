// What a person does in the first ten minutes, by labels, in a real browser.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { demo, desktop, launch, phone, picture, Slack } from "./world.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const target = "The real target";
const audit = "Audit channel";

// within runs a demo of its own for a test.
const within = (args, run) => async () => {
  const bot = await demo(...args);
  try {
    await run(bot.address);
  } catch (err) {
    await picture(browser);
    throw err;
  } finally {
    await bot.stop();
  }
};

async function askForBundle(slack, why) {
  await slack.say("/apono");
  await slack.dialog("Request access").waitFor();
  await slack.button("Bundle Mode").click();
  await slack.button("Resource Mode").waitFor(); // what is typed while a form is drawn anew may be lost, as in Slack
  await slack.field("Justification").fill(why);
  await slack.in.getByText("Bob (your manager)").waitFor();
  await slack.button("Submit").click();
  await slack.dialog("Request access").waitFor({ state: "detached" });
}

test("the first screen is there soon", async () => {
  const began = performance.now();
  const bot = await demo();
  const slack = await Slack.open(browser, bot.address);
  const took = performance.now() - began;
  await slack.close();
  await bot.stop();
  assert.ok(took < 30_000, `it took ${Math.round(took)} ms`); // a second, where nothing else runs
});

describe("the story", () => {
  test("in bundle mode, from the question to the end, and what is not granted", within([], async (address) => {
    const slack = await Slack.open(browser, address);
    const { page } = slack;
    await slack.panelSays("Guide", "0 of 9");
    await slack.panelSays(target, "No token was handed out yet.");

    await slack.say("/apono");
    await slack.dialog("Request access").waitFor();
    await slack.panelSays("Guide", "1 of 9");
    await slack.button("Bundle Mode").click();
    await slack.button("Resource Mode").waitFor();
    await slack.panelSays("Guide", "2 of 9");

    // Nothing is lost by a mistake, and it is told under its field.
    await slack.field("Duration").fill("soon");
    await slack.refused("Justification", "Please complete this required field.");
    await slack.field("Justification").fill("INC-12: <b>burning</b>");
    await slack.refused("Duration", /30m/);
    assert.equal(await slack.field("Duration").inputValue(), "soon");
    assert.equal(await slack.field("Justification").inputValue(), "INC-12: <b>burning</b>");
    await slack.field("Duration").fill("1h");
    await slack.button("Submit").click();
    await slack.dialog("Request access").waitFor({ state: "detached" });
    await slack.panelSays("Guide", "3 of 9");

    await page.getByRole("link", { name: /^Bob.*1 unread/ }).waitFor();
    await slack.be("Bob");
    await slack.sees("Access request AR-1", "INC-12: <b>burning</b>", "You are Alice's manager.");
    await slack.button("Approve").click();
    await slack.sees("Access request AR-1", "Approved by Bob");
    await slack.button("Approve").waitFor({ state: "detached" });
    await slack.panelSays("Requests as the bot has them", "active");

    await slack.be("Alice");
    await slack.sees("AR-1 granted", "Active until");
    await slack.button("Show credentials").click();
    const token = await slack.dialog("Credentials").locator("code, pre").filter({ hasText: "tok_" }).innerText();
    await slack.button("Close").click();
    await slack.dialog("Credentials").waitFor({ state: "detached" });
    await slack.panelSays(target, "200 OK");
    await slack.panelSays(target, "alice@example.com");
    await slack.panelSays("Guide", "6 of 9");
    assert.ok(!(await page.content()).includes(token), "a token stays on the page");

    await page.getByRole("button", { name: "+10 min" }).click();
    await slack.panelSays(target, "200 OK");
    await page.getByRole("button", { name: "To the end of the grant" }).click();
    await slack.panelSays(target, "403 Forbidden");
    await slack.panelSays(target, "Nobody holds anything.");
    await slack.sees("AR-1 expired", "Request again");
    await slack.panelSays("Guide", "7 of 9");

    await slack.be("Dana");
    await slack.say("/apono");
    await slack.sees("Guests cannot use this", "Only visible to you");
    await slack.panelSays("Guide", "8 of 9");

    await slack.be("Alice");
    await askForBundle(slack, "just curious");
    await slack.be("Bob");
    await slack.message("Access request AR-2").getByRole("button", { name: "Deny" }).click();
    await slack.field("Reason").fill("Curiosity is no reason.");
    await slack.in.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
    await slack.sees("Access request AR-2", "Denied by Bob");
    await slack.be("Alice");
    await slack.sees("AR-2 denied", "Curiosity is no reason.");
    await slack.panelSays("Guide", "That was the whole story.");

    // Now there is most to see, such as nine steps with their ticks: it fits a phone's width.
    await page.setViewportSize(phone);
    const { wide, room } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: innerWidth }));
    assert.ok(wide <= room, `the page is ${wide} px wide in a window of ${room} px`);
    await page.setViewportSize(desktop);

    for (const line of ["AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 expired", "AR-2 asked", "AR-2 denied by Bob"]) {
      await slack.panelSays(audit, line);
    }
    await page.getByRole("link", { name: "Log" }).click();
    await slack.page.getByRole("heading", { name: "What Slack refused" }).waitFor();
    const refused = await slack.panel("What Slack refused").locator(".lines p.bad").allInnerTexts();
    // A form that was drawn anew while it was submitted is gone by then.
    assert.deepEqual(refused.filter((line) => !line.includes("views.update not_found")), []);
    await slack.close();
  }));

  test("in resource mode, by two approvers, ended by hand", within([], async (address) => {
    const slack = await Slack.open(browser, address);
    await slack.say("/apono");
    await slack.dialog("Request access").waitFor();
    await slack.choose("Resources", "vi", "vip");
    await slack.choose("Permissions", "Ans", "Answer");
    await slack.in.getByText("on-call").first().waitFor();
    await slack.field("Justification").fill("A VIP waits");
    await slack.button("Submit").click();
    await slack.dialog("Request access").waitFor({ state: "detached" });
    await slack.be("Bob");
    await slack.button("Approve").click();
    await slack.sees("Access request AR-1", "1 of 2");
    await slack.be("Carol");
    await slack.button("Approve").click();
    await slack.be("Alice");
    await slack.panelSays(target, "200 OK");
    await slack.message("AR-1 granted").getByRole("button", { name: "End access" }).click();
    await slack.page.getByRole("dialog", { name: "End access" }).getByRole("button", { name: "End access" }).click();
    await slack.panelSays(target, "403 Forbidden");
    await slack.panelSays(audit, "AR-1 revoked");
    await slack.close();
  }));

  test("with two people side by side", within([], async (address) => {
    const slack = await Slack.open(browser, address);
    await slack.page.getByRole("link", { name: "Side by side" }).click();
    const left = slack.pane(0);
    const right = slack.pane(1);
    await right.in.waitFor();
    await askForBundle(left, "<script>alert(1)</script>");
    await right.channel("apono");
    await right.sees("Access request AR-1", "<script>alert(1)</script>");
    await left.channel("apono");
    await right.button("Approve").click();
    await left.sees("AR-1 granted");
    await left.button("Show credentials").click();
    await left.dialog("Credentials").waitFor();
    assert.equal(await right.in.getByRole("dialog").count(), 0);
    await right.say("thank you");
    await right.sees("Bob", "thank you");
    await slack.close();
  }));

  test("with the keyboard alone", within([], async (address) => {
    const slack = await Slack.open(browser, address);
    const { keyboard } = slack.page;
    await slack.in.locator(".composer textarea").focus();
    await keyboard.type("/apono");
    await keyboard.press("Enter");
    await slack.dialog("Request access").waitFor();
    const tabTo = async (label) => {
      for (let i = 0; i < 40; i++) {
        const at = await slack.page.evaluate(() => {
          const e = document.activeElement;
          return e.labels?.[0]?.textContent ?? e.getAttribute("aria-label") ?? e.textContent;
        });
        if (at.trim().startsWith(label)) return;
        await keyboard.press("Tab");
      }
      assert.fail(`Tab does not reach ${label}`);
    };
    // Escape closes the list of suggestions, and the dialog when there is none.
    await tabTo("Resources");
    await keyboard.type("re");
    await slack.in.getByRole("option", { name: "refunds" }).waitFor();
    await keyboard.press("Escape");
    await slack.in.getByRole("listbox").waitFor({ state: "detached" });
    assert.equal(await slack.dialog("Request access").count(), 1);
    await keyboard.press("Escape");
    await slack.dialog("Request access").waitFor({ state: "detached" });
    await slack.in.locator(".composer textarea:focus").waitFor();

    await keyboard.type("/apono");
    await keyboard.press("Enter");
    await slack.dialog("Request access").waitFor();
    await tabTo("Resources");
    await keyboard.type("bill");
    await slack.in.getByRole("option", { name: "billing" }).waitFor();
    await keyboard.press("Enter");
    await slack.in.locator(".chip").filter({ hasText: "billing" }).waitFor();
    await keyboard.press("Escape");
    await slack.in.locator(".chip").filter({ hasText: "Read" }).waitFor(); // a single choice is made already
    await slack.in.getByText("Bob (your manager)").waitFor();
    await tabTo("Justification");
    await keyboard.type("by keyboard");
    await tabTo("Submit");
    await keyboard.press("Enter");
    await slack.dialog("Request access").waitFor({ state: "detached" });
    await slack.panelSays("Requests as the bot has them", "AR-1");
    await slack.close();
  }));

  test("on a phone", within([], async (address) => {
    const slack = await Slack.open(browser, address, { viewport: phone });
    await askForBundle(slack, "on the road");
    const { page } = slack;
    await slack.panelSays(audit, "AR-1 asked");
    assert.ok(await slack.panel(audit).evaluate((e) => e.getBoundingClientRect().bottom <= innerHeight + 1), "the audit channel is out of view");
    // The audit channel does not cover the box for writing.
    await page.waitForFunction(() => document.querySelector(".composer").getBoundingClientRect().bottom <= document.querySelector("#audit").getBoundingClientRect().top);
    await slack.be("Bob");
    await slack.button("Approve").tap();
    await slack.sees("Access request AR-1", "Approved by Bob");
    await slack.close();
  }));
});

const example = "../../config.example.yaml";

test("one's own policy", within(["--config", example], async (address) => {
  const slack = await Slack.open(browser, address);
  await slack.page.getByText("Every system is simulated").waitFor();
  await slack.say("/apono request prod-incident because INC-12");
  await slack.in.getByText("Bob (your manager)").waitFor();
  await slack.button("Submit").click();
  await slack.dialog("Request access").waitFor({ state: "detached" });
  await slack.be("Bob");
  await slack.sees("Access request", "orders");
  await slack.button("Approve").click(); // this policy wants a reason
  await slack.field("Reason").fill("I am watching too.");
  await slack.in.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await slack.sees("Access request", "Approved by Bob");
  await slack.be("Alice");
  await slack.sees("granted", "Active until", "prod-incident");
  await slack.panelSays(target, "orders");
  await slack.panelSays(audit, "I am watching too.");
  await slack.close();
}));

test("what Slack refuses is told in its own words", async () => {
  const dir = await mkdtemp(join(tmpdir(), "apono-"));
  const file = join(dir, "config.yaml");
  // The audit channel is named by an id that no channel of the workspace has.
  await writeFile(file, (await readFile(example, "utf8")).replace('audit_channel: "#access-audit"', 'audit_channel: "#C0NOWHERE1"'));
  await within(["--config", file], async (address) => {
    const slack = await Slack.open(browser, address);
    await slack.page.getByRole("link", { name: /^Log.*refused/ }).click();
    const refused = slack.panel("What Slack refused").locator(".lines p.bad");
    await refused.filter({ hasText: "channel_not_found" }).filter({ hasText: "conversations.info" }).first().waitFor();
    await slack.close();
  })().finally(() => rm(dir, { recursive: true }));
});
