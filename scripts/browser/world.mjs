// A running demo and a browser, for tests and pictures.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const patience = 120_000; // ms, for one thing to become true; a machine may be busy with other things

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

// demo starts `bot demo` on a free port and returns its address.
export async function demo(...args) {
  const bot = spawn(process.env.APONO_BOT, ["demo", "--listen", "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => bot.once("exit", resolve));
  const address = await new Promise((resolve, reject) => {
    createInterface({ input: bot.stdout }).on("line", (line) => {
      const found = line.match(/http:\/\/\S+/);
      if (found) resolve(found[0]);
    });
    ended.then((code) => reject(new Error(`the demo ended: ${code}`)));
  });
  return {
    address,
    async stop() {
      bot.kill("SIGTERM");
      await ended;
    },
  };
}

// Names of other machines do not resolve: what the page would load from elsewhere fails, and is noted besides.
export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--font-render-hinting=none"],
});

// picture keeps what was to be seen when a test failed, in the folder APONO_PICTURES, if there is one.
let pictures = 0;
export async function picture(browser) {
  if (!process.env.APONO_PICTURES) return;
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    await page.screenshot({ path: `${process.env.APONO_PICTURES}/failed-${++pictures}.png` });
  }
}

// Slack is the page as people use it: everything is found by its label.
export class Slack {
  static async open(browser, address, { viewport = desktop, colorScheme = "light", query = "", scale = 1, style = "" } = {}) {
    const context = await browser.newContext({ viewport, colorScheme, deviceScaleFactor: scale, bypassCSP: style !== "", reducedMotion: "reduce", hasTouch: viewport.width < 500 });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    const slack = new Slack(page);
    page.on("request", (r) => r.url().startsWith(address + "/") || slack.problems.push(`request to ${r.url()}`));
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && slack.problems.push(`console: ${m.text()}`));
    page.on("pageerror", (e) => slack.problems.push(`script: ${e.message}`));
    await page.goto(`${address}/${query}`);
    await page.locator("body[data-live]").waitFor();
    if (style) await page.addStyleTag({ content: style });
    return slack;
  }

  constructor(page, pane = 0) {
    this.page = page;
    this.problems = [];
    this.in = page.locator(`#pane-${pane}`);
  }

  pane(n) {
    const other = new Slack(this.page, n);
    other.problems = this.problems;
    return other;
  }

  async close() {
    await this.page.context().close();
    assert.deepEqual(this.problems, []);
  }

  // be becomes another person, in one click, and looks at what the bot has for them.
  async be(name) {
    await this.page.getByRole("navigation", { name: "Who you are" }).getByRole("link", { name: new RegExp(`^${name}`) }).click();
    await this.page.getByRole("region", { name: `Slack, as ${name} sees it` }).waitFor();
    await this.channel("apono");
  }

  // say types into the box under the conversation and presses Enter.
  async say(text) {
    const box = this.in.locator(".composer textarea");
    await box.fill(text);
    await box.press("Enter");
  }

  dialog(name) {
    return this.in.getByRole("dialog", { name });
  }

  button(name) {
    return this.in.getByRole("button", { name, exact: true });
  }

  field(label) {
    return this.in.getByRole("dialog").getByRole("textbox", { name: label });
  }

  // choose types into a menu and takes what it offers. The app may draw the form anew meanwhile, and what is chosen then may
  // be lost, as in Slack: it is chosen again. A menu of several shows chips.
  async choose(label, query, option = query) {
    const field = this.in.getByRole("dialog").getByRole("combobox", { name: label });
    const block = this.in.locator(".block").filter({ has: this.page.getByRole("combobox", { name: label }) });
    const chosen = block.locator(".chip").filter({ hasText: option }).or(block.locator(`input[data-value][value^="${option}"]`));
    await this.until(`${label}: ${option}`, chosen, async () => {
      await field.click();
      await field.fill(query);
      await this.in.getByRole("option", { name: option }).first().click();
      await field.press("Tab"); // away from the list
    });
  }

  // until does something, again where it did not help, until something is there.
  async until(what, there, act) {
    for (const end = Date.now() + patience; Date.now() < end; ) {
      await act();
      if (await there.first().waitFor({ timeout: patience / 10 }).then(() => true, () => false)) return;
    }
    assert.fail(`in vain: ${what}`);
  }

  // refused submits a form that has a mistake, and wants it told under its field. A form that the app draws anew loses what
  // was told: then it is submitted again.
  async refused(label, words) {
    const told = this.in.locator(".block").filter({ hasText: label }).filter({ has: this.page.locator("[aria-invalid=true]") });
    await this.until(`${label}: ${words}`, told.locator(".error").filter({ hasText: words }), () => this.button("Submit").click());
  }

  // message is the newest message that holds the words.
  message(...words) {
    let found = this.in.getByRole("article");
    for (const word of words) found = found.filter({ hasText: word });
    return found.last();
  }

  async sees(...words) {
    await this.message(...words).waitFor();
  }

  async channel(name) {
    await this.in.getByRole("navigation").getByRole("link", { name }).first().click();
    await this.in.locator(".sidebar [aria-current=page]").filter({ hasText: name }).waitFor();
  }

  panel(name) {
    return this.page.getByRole("region", { name });
  }

  async panelSays(name, words) {
    await this.panel(name).filter({ hasText: words }).waitFor();
  }
}
