// Pictures that stay small, and stay as they are while nothing but the time has changed: PNG with a palette of 256 colours
// (https://www.w3.org/TR/png-3/), of which what is mostly text needs fewer, and a note of what the picture shows.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

// keep writes a picture, unless the one that is there was drawn of the same. What it shows is told by another picture of
// it, with everything taken out that differs each time; of that picture the file keeps the hash.
export async function keep(browser, path, png, same = png) {
  const note = Buffer.from(`Comment\0${createHash("sha256").update(same).digest("hex")}`, "latin1"); // a tEXt chunk
  const old = await readFile(path).catch((err) => (err.code === "ENOENT" ? Buffer.alloc(0) : Promise.reject(err)));
  if (!old.includes(note)) await writeFile(path, await indexed(browser, png, note));
}

// indexed draws a picture anew with 256 of its colours: the most frequent ones, and those that are unlike any of them. Any
// other becomes the one next to it.
async function indexed(browser, png, note) {
  const page = await browser.newPage();
  const { width, height, palette, rows } = await page.evaluate(async (source) => {
    const image = await createImageBitmap(await (await fetch(source)).blob());
    const { width, height } = image;
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const colours = new Uint32Array(width * height);
    const { data } = canvas.getImageData(0, 0, width, height);
    const times = new Map();
    for (let i = 0; i < colours.length; i++) {
      colours[i] = (data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2];
      times.set(colours[i], (times.get(colours[i]) ?? 0) + 1);
    }
    const apart = (a, b) => [16, 8, 0].reduce((sum, shift) => sum + (((a >> shift) & 255) - ((b >> shift) & 255)) ** 2, 0);
    const all = [...times].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([colour]) => colour);
    const palette = all.slice(0, 128);
    const away = all.map((c) => Math.min(...palette.map((p) => apart(c, p))));
    while (palette.length < Math.min(256, all.length)) {
      const next = all[away.indexOf(Math.max(...away))];
      palette.push(next);
      all.forEach((c, i) => (away[i] = Math.min(away[i], apart(c, next))));
    }
    const nearest = new Map([...times.keys()].map((c) => [c, palette.reduce((best, p, i) => (apart(c, p) < apart(c, palette[best]) ? i : best), 0)]));
    let rows = "";
    for (const colour of colours) rows += String.fromCharCode(nearest.get(colour));
    return { width, height, palette, rows: btoa(rows) };
  }, `data:image/png;base64,${png.toString("base64")}`);
  await page.close();
  const pixels = Buffer.from(rows, "base64");
  const lines = Buffer.alloc((width + 1) * height); // each begins with 0: no filter
  for (let y = 0; y < height; y++) pixels.copy(lines, y * (width + 1) + 1, y * width, (y + 1) * width);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8); // 8 bits, palette
  const colours = Buffer.from(palette.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]));
  return Buffer.concat([png.subarray(0, 8), chunk("IHDR", head), chunk("tEXt", note), chunk("PLTE", colours), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

// What differs each time: hours, days, tokens.
const fleeting = [/\b\d{1,2}:\d\d [AP]M\b/g, /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b/g, /\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}(st|nd|rd|th)?(, \d{4})?/g, /\btok_[A-Z0-9]+/g].map((r) => r.source).join("|");

// lasting runs something while the page says nothing that differs each time.
async function lasting(page, run) {
  await page.evaluate((source) => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    window.said = [];
    for (let n = walk.nextNode(); n; n = walk.nextNode()) {
      const text = n.data.replaceAll(new RegExp(source, "g"), "~");
      if (text === n.data) continue;
      window.said.push([n, n.data]);
      n.data = text;
    }
  }, fleeting);
  const result = await run();
  await page.evaluate(() => window.said.forEach(([n, text]) => (n.data = text)));
  return result;
}

// Painter draws what is on a page into files of a folder.
export class Painter {
  constructor(browser, folder) {
    Object.assign(this, { browser, folder });
  }

  // draw takes what lies between the first and the last of the elements, less their edge or with a margin (a negative
  // inset), at most so wide; or the page as it is. It waits until nothing moves, and no mouse points at anything.
  async draw(slack, name, { of, inset = 2, width = Infinity, scale = "device" } = {}) {
    const { page } = slack;
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement?.blur());
    const clip = async () => {
      if (!of) return undefined;
      const boxes = await Promise.all((await of.all()).map((e) => e.boundingBox()));
      const [x, y] = [Math.min(...boxes.map((b) => b.x)), Math.min(...boxes.map((b) => b.y))].map((n) => Math.ceil(n) + inset);
      const [right, bottom] = [Math.max(...boxes.map((b) => b.x + b.width)), Math.max(...boxes.map((b) => b.y + b.height))].map((n) => Math.floor(n) - inset);
      return { x, y, width: Math.min(width, right - x), height: bottom - y };
    };
    const shoot = async (at) => page.screenshot({ clip: await clip(), scale: at });
    let png, before;
    do {
      before = png;
      if (before) await page.waitForTimeout(400);
      png = await shoot(scale);
    } while (!before?.equals(png));
    await keep(this.browser, `${this.folder}/${name}.png`, png, await lasting(page, () => shoot("device")));
  }
}
