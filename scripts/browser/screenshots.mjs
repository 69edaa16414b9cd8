// The pictures of the documentation: what the bot really sent, drawn by the demo's page. Argument: the folder.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { demo, desktop, launch, phone, Slack } from "./world.mjs";

const folder = process.argv[2];
await mkdir(folder, { recursive: true });
const browser = await launch();
const why = "INC-12: the refunds queue is burning";

async function ask(slack) {
  await slack.say("/apono");
  await slack.dialog("Request access").waitFor();
  await slack.button("Bundle Mode").click();
  await slack.button("Resource Mode").waitFor();
  await slack.field("Justification").fill(why);
  await slack.in.getByText("Bob (your manager)").waitFor();
}

async function submit(slack) {
  await slack.button("Submit").click();
  await slack.dialog("Request access").waitFor({ state: "detached" });
  await slack.panelSays("Audit channel", "AR-1 asked");
}

// picture waits until nothing moves and no mouse points at anything.
async function picture(slack, name, options = {}) {
  await slack.page.mouse.move(0, 0);
  await slack.page.evaluate(() => document.activeElement?.blur());
  await slack.page.waitForTimeout(400);
  const path = join(folder, name);
  if (!options.width) return (options.of ?? slack.page).screenshot({ path, scale: options.scale ?? "device" });
  const { x, y, height } = await options.of.boundingBox();
  await slack.page.screenshot({ path, clip: { x: x + 4, y, width: options.width, height } });
}

for (const colorScheme of ["light", "dark"]) {
  const bot = await demo();
  const slack = await Slack.open(browser, bot.address, { viewport: { width: 1280, height: 1000 }, colorScheme, scale: 1.5, style: ".modal { border-radius: 0 !important; box-shadow: none !important }" });
  await ask(slack);
  await picture(slack, `form-${colorScheme}.png`, { of: slack.dialog("Request access") });
  await submit(slack);
  await slack.be("Bob");
  await slack.sees("Access request AR-1");
  await picture(slack, `card-${colorScheme}.png`, { of: slack.message("Access request AR-1"), width: 560 });
  await slack.page.setViewportSize(desktop);
  await slack.page.getByRole("link", { name: "Side by side" }).click();
  await slack.pane(1).in.waitFor();
  await slack.page.goto(`${bot.address}/?who=U0ALICE001&at=app&who2=U0BOB00001&at2=app`);
  await slack.pane(1).button("Approve").click();
  await slack.pane(0).sees("AR-1 granted");
  await slack.panelSays("Audit channel", "AR-1 granted");
  await slack.pane(0).button("Show credentials").waitFor();
  await picture(slack, `demo-${colorScheme}.png`, { scale: "css" });
  await slack.close();
  await bot.stop();
}

const bot = await demo();
const slack = await Slack.open(browser, bot.address, { viewport: phone, colorScheme: "light", scale: 1.5 });
await ask(slack);
await submit(slack);
await slack.be("Bob");
await slack.sees("Access request AR-1");
await picture(slack, "phone-light.png", { scale: "css" });
await slack.close();
await bot.stop();
await browser.close();
