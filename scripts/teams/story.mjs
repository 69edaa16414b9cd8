// Alice asks in Microsoft's playground, approves on her card, and reads what follows.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

// story tells it; picture, if given, is the file for a picture of the end.
export default async function story(picture) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"] });
  const page = await browser.newPage({ viewport: { width: 1300, height: 1100 } });
  page.setDefaultTimeout(120_000); // a machine may be busy with other things
  try {
    await page.goto("http://127.0.0.1:56150/", { waitUntil: "domcontentloaded" });
    const compose = page.locator('[data-lexical-editor="true"]');
    const last = (name) => page.getByRole("button", { name, exact: true }).last();
    const reads = (text) => page.getByText(text).last().waitFor();
    await compose.click();
    await page.keyboard.type("request ticket-rush because the playground is open");
    await page.keyboard.press("Enter");
    await last("Request access").click();
    await reads("Asked:");
    await last("Submit").click();
    await reads("AR-1 asked");
    await reads("Access request AR-1");
    await last("Approve").click();
    await reads("AR-1 granted");
    await reads("Approved by Alice");
    if (picture) await page.screenshot({ path: picture });
    console.log("asked, approved and granted in the playground");
  } catch (e) {
    await page.screenshot({ path: join(tmpdir(), "playground-failed.png") });
    throw e;
  } finally {
    await browser.close();
  }
}
