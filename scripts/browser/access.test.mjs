// axe-core looks at what people see, at both widths, light and dark.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { demo, desktop, launch, phone, Slack } from "./world.mjs";

let axe, bot, browser;
before(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  [bot, browser] = await Promise.all([demo(), launch()]);
});
after(() => Promise.all([bot.stop(), browser.close()]));

// audited fails on anything that axe-core finds serious or critical.
async function audited(slack, where) {
  await slack.page.waitForFunction(() => !document.getAnimations().length);
  const { wide, room } = await slack.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: window.innerWidth }));
  assert.ok(wide <= room, `${where}: the page is ${wide} px wide in a window of ${room} px`);
  const violations = await slack.page.evaluate(`(async () => { ${axe}; const { violations } = await axe.run(); return violations; })()`);
  const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target + " " + n.failureSummary).join("; ")}`), [], where);
}

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [desktop, phone]) {
    test(`${viewport.width} px, ${colorScheme}`, async () => {
      const slack = await Slack.open(browser, bot.address, { viewport, colorScheme });
      const me = viewport === phone ? "Carol" : "Alice"; // her requests need nobody
      await slack.be("Alice");
      await audited(slack, "a step of the story that is one's own, and so is no link");
      await slack.be(me);
      await audited(slack, "the start");
      await slack.channel("general");
      await slack.say("/apono");
      await slack.dialog("Request access").waitFor();
      await slack.refused("Resources", /./);
      await audited(slack, "a form with mistakes");
      await slack.in.getByRole("combobox", { name: "Resources" }).click();
      await slack.in.getByRole("option").first().waitFor();
      await audited(slack, "an open menu");
      await slack.button("Cancel").click();
      await slack.dialog("Request access").waitFor({ state: "detached" });
      await slack.say("/apono help");
      await slack.sees("Only visible to you");
      if (me === "Alice") {
        await slack.say("/apono request ticket-rush because axe looks");
        await slack.in.getByText("Bob (your manager)").waitFor();
        await slack.button("Submit").click();
        await slack.dialog("Request access").waitFor({ state: "detached" });
        await slack.be("Bob");
        await slack.button("Approve").last().waitFor();
        await slack.message("Access request").getByRole("button", { name: "More" }).click();
        await slack.in.getByRole("menuitem").first().waitFor();
        await audited(slack, "a card with its menu");
        await slack.page.getByRole("link", { name: "Side by side" }).click();
        await slack.pane(1).in.waitFor();
      }
      await slack.page.getByRole("link", { name: /^Log/ }).click();
      await slack.panel("What Slack refused").getByRole("link", { name: "All traffic" }).click();
      await slack.page.getByRole("heading", { name: "All traffic" }).waitFor();
      await audited(slack, "the log");
      await slack.close();
    });
  }
}
