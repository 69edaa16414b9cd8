// The pictures of what else people see: each surface in a state that a reader would meet it in. Argument: the folder.

import { Painter } from "./picture.mjs";
import { demo, launch, Slack } from "./world.mjs";

const browser = await launch();
const painter = new Painter(browser, process.argv[2]);
const look = { viewport: { width: 1240, height: 1900 }, scale: 1.5, style: ".modal { border-radius: 0 !important; box-shadow: none !important }" };
const dialog = (slack) => slack.in.getByRole("dialog");
const draw = (slack, name, of, inset) => painter.draw(slack, name, { of, inset });

async function leave(slack, label) {
  await dialog(slack).getByRole("button", { name: label, exact: true }).last().click();
  await dialog(slack).waitFor({ state: "detached" });
}

async function askForDatabase(slack, resource, why) {
  await slack.say("/apono");
  await slack.dialog("Request access").waitFor();
  await slack.choose("Integration", "prod", "prod-postgres");
  await slack.choose("Resources", resource);
  await slack.field("Justification").fill(why);
  await slack.in.getByText("Bob (your manager)").waitFor();
}

async function askForBundle(slack, bundle, why) {
  await slack.say(`/apono request ${bundle} because ${why}`);
  await slack.in.getByText("Bob (your manager)").waitFor();
  await leave(slack, "Submit");
}

async function press(slack, label, ...words) {
  await slack.message(...words).getByRole("button", { name: label, exact: true }).click();
}

async function pick(slack, label, ...words) {
  await press(slack, "More", ...words);
  await slack.in.getByRole("menuitem", { name: label }).click();
  await dialog(slack).waitFor();
}

async function home(slack, name) {
  await slack.be(name);
  await slack.in.getByRole("link", { name: "Home", exact: true }).click();
}

// within shows a demo of its own to somebody who draws.
async function within(args, run) {
  const bot = await demo(...args);
  try {
    const slack = await Slack.open(browser, bot.address, look);
    await run(slack);
    await slack.close();
  } finally {
    await bot.stop();
  }
}

// policy is a day with a policy of one's own.
async function policy(slack) {
  await askForDatabase(slack, "orders", "OPS-318: compare refunds with orders");
  await draw(slack, "form-resource", dialog(slack));
  await leave(slack, "Submit");
  await askForBundle(slack, "checkout-incident", "INC-12: the checkout is slow");
  await slack.be("Carol");
  await askForDatabase(slack, "payments", "OPS-320: a payment is missing");
  await leave(slack, "Submit");

  await slack.be("Bob");
  await slack.sees("Access request AR-2");
  await pick(slack, "Details", "Access request AR-2");
  await slack.in.getByText("Access flow").waitFor();
  await draw(slack, "details", dialog(slack));
  await leave(slack, "Close");
  await pick(slack, "Approve less", "Access request AR-2");
  await draw(slack, "approve-less", dialog(slack));
  await leave(slack, "Cancel");
  for (const id of ["AR-1", "AR-3"]) {
    await press(slack, "Approve", `Access request ${id}`);
    await slack.sees(`Access request ${id}`, "Approved by Bob");
  }

  await slack.be("Alice");
  await slack.sees("AR-1 granted", "Active until");
  await slack.button("Show credentials").waitFor();
  await draw(slack, "requester", slack.message("AR-1 approved").or(slack.message("Access details")));
  await slack.button("Show credentials").click();
  await dialog(slack).locator("code, pre").filter({ hasText: "tok_" }).waitFor();
  await draw(slack, "credentials", dialog(slack));
  await leave(slack, "Close");

  await slack.be("Carol");
  await slack.sees("AR-3 granted", "Active until");
  await home(slack, "Carol");
  await slack.button("Add to favorites").first().click();
  await slack.button("Remove from favorites").first().waitFor();
  await draw(slack, "home", slack.in.locator(".home .block"), -16);
  await home(slack, "Eve");
  const forAdmins = slack.in.locator(".home .block").filter({ hasText: "Active access of everybody" });
  await forAdmins.waitFor();
  await draw(slack, "home-admin", forAdmins.locator("xpath=following-sibling::*").or(forAdmins), -16);

  await slack.be("Alice");
  await press(slack, "Extend", "AR-1 granted");
  await slack.field("Reason").fill("OPS-318: two more tables to compare");
  await leave(slack, "Extend");
  await slack.be("Bob");
  await slack.sees("two more tables to compare");
  await draw(slack, "extension", slack.message("two more tables to compare"));
  await press(slack, "Approve", "two more tables to compare");
  await slack.sees("two more tables to compare", "Approved by Bob");
  await slack.be("Carol");
  await press(slack, "Deny", "Access request AR-2");
  await slack.field("Reason").fill("The checkout is fast again. Ask me if that changes.");
  await draw(slack, "deny", dialog(slack));
  await leave(slack, "Deny");
  await slack.sees("Access request AR-2", "Denied by");

  await slack.be("Alice");
  await slack.sees("AR-1 extended");
  const later = slack.page.getByRole("button", { name: "+10 min" });
  for (let i = 0; i < 6; i++) await later.click();
  await slack.panelSays("Audit channel", "AR-3 expired");
  for (let i = 0; i < 2; i++) await later.click();
  await slack.sees("AR-1 ending soon");
  await draw(slack, "ending-soon", slack.message("AR-1 ending soon"));

  await slack.be("Eve");
  await slack.say("/apono activity");
  await slack.sees("Activity");
  await draw(slack, "activity", slack.message("Activity"));
}

// away is what happens while an approver is on holiday.
async function away(slack) {
  await slack.be("Bob");
  await slack.say("/apono delegate @carol for 3 days");
  await slack.sees("in your place until");
  await draw(slack, "delegate", slack.message("in your place until"));
  await slack.be("Alice");
  await askForDatabase(slack, "orders", "OPS-325: an order was paid twice");
  await leave(slack, "Submit");
  await slack.be("Carol");
  await slack.sees("Access request AR-1", "You stand in for Bob");
  await draw(slack, "delegated", slack.in.getByRole("article").filter({ hasText: "You stand in for Bob" }));
}

// breakGlass is what nobody is asked about and everybody reads.
async function breakGlass(slack) {
  await slack.be("Frank");
  await slack.say("/apono");
  await slack.dialog("Request access").waitFor();
  await slack.choose("Resources", "orders");
  await slack.in.getByText("This breaks the glass").waitFor();
  await slack.field("Justification").fill("The shop is down, nobody answers");
  await draw(slack, "break-glass-form", dialog(slack));
  await leave(slack, "Submit");
  await slack.sees("AR-1 explain");
  await slack.be("Eve");
  await slack.channel("access-audit");
  await slack.sees("BREAK GLASS granted");
  await slack.channel("general"); // what was seen is no longer new
  await slack.channel("access-audit");
  await draw(slack, "break-glass-audit", slack.message("BREAK GLASS granted"));
}

async function auditChannel(slack) {
  await askForBundle(slack, "ticket-rush", "INC-12: the refunds queue is burning");
  await slack.be("Bob");
  await press(slack, "Approve", "Access request AR-1");
  await slack.panelSays("Audit channel", "AR-1 granted");
  await slack.be("Eve");
  await slack.channel("access-audit");
  await slack.sees("AR-1 granted");
  await slack.channel("general"); // what was seen is no longer new
  await slack.channel("access-audit");
  await draw(slack, "audit-channel", slack.in.getByRole("article"));
}

try {
  for (const run of [policy, away, breakGlass]) await within(["--config", "pictures.yaml"], run);
  await within([], auditChannel);
} finally {
  await browser.close();
}
