// The pictures of the documentation: what the bot really sent, drawn by the demo's page. Argument: the folder.

import { mkdir } from "node:fs/promises";
import { Painter } from "./picture.mjs";
import { demo, desktop, launch, phone, Slack } from "./world.mjs";

const folder = process.argv[2];
await mkdir(folder, { recursive: true });
const browser = await launch();
const painter = new Painter(browser, folder);
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

// within shows a demo of its own to somebody who draws.
async function within(options, run) {
  const bot = await demo();
  try {
    const slack = await Slack.open(browser, bot.address, { scale: 1.5, ...options });
    await run(slack, bot.address);
    await slack.close();
  } finally {
    await bot.stop();
  }
}

try {
  for (const colorScheme of ["light", "dark"]) {
    await within({ viewport: { width: 1280, height: 1000 }, colorScheme, style: ".modal { border-radius: 0 !important; box-shadow: none !important }" }, async (slack, address) => {
      await ask(slack);
      await painter.draw(slack, `form-${colorScheme}`, { of: slack.dialog("Request access") });
      await submit(slack);
      await slack.be("Bob");
      await slack.sees("Access request AR-1");
      await painter.draw(slack, `card-${colorScheme}`, { of: slack.message("Access request AR-1"), width: 560 });
      await slack.page.setViewportSize(desktop);
      await slack.page.goto(`${address}/?who=U0ALICE001&at=app&who2=U0BOB00001&at2=app`);
      await slack.pane(1).button("Approve").click();
      await slack.pane(0).sees("AR-1 granted");
      await slack.panelSays("Audit channel", "AR-1 granted");
      await slack.panelSays("The real target", "200 OK");
      await slack.panelSays("The real target", "until");
      await slack.panelSays("Requests as the bot has them", "granted");
      await slack.pane(0).button("Show credentials").waitFor();
      await painter.draw(slack, `demo-${colorScheme}`, { scale: "css" });
    });
  }
  await within({ viewport: phone, colorScheme: "light" }, async (slack) => {
    await ask(slack);
    await submit(slack);
    await slack.be("Bob");
    await slack.sees("Access request AR-1");
    await painter.draw(slack, "phone-light", { scale: "css" });
  });
} finally {
  await browser.close();
}
