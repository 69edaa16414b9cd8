// Draws cards as Microsoft's renderer of Adaptive Cards does, from the golden files of bot/teams. Arguments: the folder of
// these, and the folder of the pictures. Fails when the renderer says that something of a card is wrong.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { keep } from "../browser/picture.mjs";

const [golden, pictures] = process.argv.slice(2);
const renderer = await readFile(createRequire(import.meta.url).resolve("adaptivecards/dist/adaptivecards.min.js"), "utf8");

// Colours and sizes near those of Teams: https://learn.microsoft.com/adaptive-cards/rendering-cards/host-config
const foreground = (color, subtle) => ({ default: color, subtle: subtle ?? color });
const colors = { default: foreground("#242424", "#616161"), accent: foreground("#5b5fc7"), attention: foreground("#c4314b"), good: foreground("#237b4b"), warning: foreground("#835c00") };
const style = (backgroundColor) => ({ backgroundColor, foregroundColors: colors });
const sizes = { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 };
const weights = { lighter: 400, default: 400, bolder: 700 };
const font = (fontFamily) => ({ fontFamily, fontSizes: sizes, fontWeights: weights });
const host = {
  ...font("Lato, sans-serif"),
  fontTypes: { default: font("Lato, sans-serif"), monospace: font("DejaVu Sans Mono, monospace") },
  spacing: { small: 4, default: 8, medium: 12, large: 16, extraLarge: 24, padding: 10 },
  containerStyles: { default: style("#ffffff"), emphasis: style("#f0f0f0"), accent: style("#e8ebfa"), good: style("#e7f2da"), attention: style("#fcf4f6"), warning: style("#fbf6d9") },
  actions: { maxActions: 6, actionsOrientation: "horizontal", actionAlignment: "left", buttonSpacing: 8, spacing: "medium", showCard: { actionMode: "inline", inlineTopMargin: 8 } },
  supportsInteractivity: true,
};
const css = `body { margin: 0; padding: 16px; background: #f5f5f5; width: 640px }
.card { background: #fff; border-radius: 6px; padding: 6px; box-shadow: 0 1px 4px #0003; font-family: Lato, sans-serif }
.ac-pushButton { font: 600 14px Lato; padding: 6px 18px; border: 1px solid #d1d1d1; border-radius: 4px; background: #fff }
.ac-pushButton.style-positive { background: #5b5fc7; border-color: #5b5fc7; color: #fff } .ac-pushButton.style-destructive { color: #c4314b }
.ac-input { font: 14px Lato; box-sizing: border-box; width: 100%; padding: 6px 8px; border: 1px solid #d1d1d1; border-radius: 4px; background: #fafafa } input[type=checkbox] { width: auto }
.ac-multichoiceInput > div { gap: 6px } .ac-input .ac-input, .ac-input:has(.ac-input, [type=checkbox]) { padding: 0; border: 0; background: none } .ac-input .ac-input:is(input) { padding: 6px 8px; border: 1px solid #d1d1d1; background: #fafafa } .ac-overflowButton { padding: 6px 12px !important }`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND", "--font-render-hinting=none"] });
let wrong = 0;
for (const [name, file] of [["teams-approver", "card-approver.json"], ["teams-granted", "card-granted.json"], ["teams-form", "form-bundle.json"]]) {
  const raw = JSON.parse(await readFile(join(golden, file), "utf8"));
  const page = await browser.newPage({ viewport: { width: 672, height: 400 }, deviceScaleFactor: 1.5 });
  page.on("pageerror", (e) => { console.error(`${file}: ${e.message}`); wrong++; });
  await page.setContent(`<!doctype html><style>${css}</style><div class="card"></div>`);
  await page.addScriptTag({ content: renderer });
  const said = await page.evaluate(([json, config]) => {
    const card = new AdaptiveCards.AdaptiveCard();
    card.version = new AdaptiveCards.Version(1, 6);
    card.hostConfig = new AdaptiveCards.HostConfig(config);
    const context = new AdaptiveCards.SerializationContext(new AdaptiveCards.Version(1, 6));
    card.parse(json, context);
    const found = [...Array(context.eventCount).keys()].map((i) => context.getEventAt(i).message);
    document.querySelector(".card").append(card.render());
    return found;
  }, [raw.card ?? raw, host]);
  for (const s of said) { console.error(`${file}: ${s}`); wrong++; }
  await keep(browser, join(pictures, `${name}.png`), await page.locator("body").screenshot());
}
await browser.close();
process.exit(wrong ? 1 : 0);
