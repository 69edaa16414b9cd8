// Runs the bot with Microsoft's playground, and between them what Microsoft's cloud would be: a proxy that signs what the
// playground sends, with the keys and tokens that the bot asks for. The bot checks every token as it does in earnest.
// Arguments: playground or test; the folder of the bot and of what it keeps.

import { spawn } from "node:child_process";
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { copyFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const [what, folder] = process.argv.slice(2);
const app = "11111111-2222-3333-4444-555555555555";
const proxy = "http://127.0.0.1:3979";
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const base64 = (v) => Buffer.from(typeof v === "string" ? v : JSON.stringify(v)).toString("base64url");

// signed makes the token that the Bot Connector would send along.
function signed(serviceurl) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${base64({ alg: "RS256", kid: "playground", typ: "JWT" })}.${base64({ iss: "https://api.botframework.com", aud: app, serviceurl, nbf: now - 60, exp: now + 3600 })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey).toString("base64url")}`;
}

// desk is the system in which something is granted.
function desk({ event_type: event }) {
  if (event !== "list-resources") return event.includes("credentials") ? { status: "unsupported" } : { status: "ok" };
  return { status: "ok", resources: [{ id: "q1", name: "refunds", type: "queue" }], permissions: [{ id: "read", name: "Read" }] };
}

// The playground opens no dialogs and ignores buttons that would. Under another name they are pressed like others, and
// the bot shows forms as messages, as it does for every client without dialogs.
const hidden = (text) => text.replaceAll('"msteams":{"type":"task/fetch"}', '"dialog":{"type":"task/fetch"}');
// Nor does it know people by their account in Entra ID, by which Microsoft's cloud opens chats.
const named = (text) => text.replaceAll("00000000-0000-0000-0000-000000000020", "29:alice");
const shown = (text) => text.replaceAll('"dialog":{"type":"task/fetch"}', '"msteams":{"type":"task/fetch"}');

function forward(to, address, method, headers, body) {
  const onward = request(address, { method, headers: { "content-type": "application/json", ...headers, "content-length": Buffer.byteLength(body) } }, (answer) => {
    to.writeHead(answer.statusCode, answer.headers);
    answer.pipe(to);
  });
  onward.on("error", () => to.writeHead(503).end());
  onward.end(body);
}

// deliver signs what the playground sends, and says that answers come here.
function deliver(to, body) {
  let activity;
  try {
    activity = JSON.parse(body);
  } catch {
    return to.writeHead(400).end(); // a probe
  }
  activity.serviceUrl = `${proxy}/_connector`;
  forward(to, "http://127.0.0.1:3978/api/messages", "POST", { authorization: `Bearer ${signed(activity.serviceUrl)}` }, shown(JSON.stringify(activity)));
}

const server = createServer(async (q, s) => {
  let body = "";
  for await (const part of q) body += part;
  const json = (v) => s.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(v));
  switch (q.url) {
    case "/v1/.well-known/openidconfiguration": return json({ issuer: "https://api.botframework.com", jwks_uri: `${proxy}/keys` });
    case "/keys": return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "playground", use: "sig", endorsements: ["msteams"] }] });
    case "/token": return json({ token_type: "Bearer", expires_in: 3600, access_token: "playground" });
    case "/desk": return json(desk(JSON.parse(body)));
    case "/api/messages": return deliver(s, body);
  }
  if (q.url.startsWith("/_connector/")) return forward(s, `http://localhost:56150${named(q.url)}`, q.method, {}, q.url.endsWith("/v3/conversations") ? named(body) : hidden(body));
  s.writeHead(404).end();
});
await new Promise((ready, failed) => server.once("error", failed).listen(3979, "127.0.0.1", ready));

const children = [];
let stopping = false;
function run(name, command, args, options) {
  const child = spawn(command, args, { stdio: ["ignore", what === "test" ? "ignore" : "inherit", "inherit"], ...options });
  children.push(child);
  child.ended = new Promise((ended) => child.once("close", ended));
  child.once("exit", (code, signal) => { if (!stopping) { console.error(`${name} ended: ${code ?? signal}`); stop(1); } });
}
async function stop(code) {
  if (stopping) return;
  stopping = true;
  for (const c of children) c.kill("SIGTERM");
  setTimeout(() => children.forEach((c) => c.kill("SIGKILL")), 20_000).unref();
  await Promise.all(children.map((c) => c.ended)); // the folder is theirs until then
  process.exit(code);
}
process.once("uncaughtException", (e) => { console.error(e); stop(1); });
process.once("SIGINT", () => stop(0)).once("SIGTERM", () => stop(0));

await copyFile("playground.yml", join(folder, ".m365agentsplayground.yml"));
const secret = `whsec_${randomBytes(24).toString("base64")}`;
run("the bot", join(folder, "bot"), ["run", "--config", join(process.cwd(), "config.yaml")], {
  cwd: folder, env: { ...process.env, PLAYGROUND_PASSWORD: "none", DESK_SECRET: secret, BOT_LOG_FORMAT: "text", BOT_LOG_LEVEL: what === "test" ? "error" : "info" },
});
run("the playground", process.execPath, [createRequire(import.meta.url).resolve("@microsoft/m365agentsplayground/cli.js"), "start", "-e", `${proxy}/api/messages`, "-c", "msteams", "-p", "56150", "--disable-telemetry"], {
  cwd: folder, env: { ...process.env, TEAMSAPPTESTER_BROWSER: "none" },
});

// Both have to answer before anybody is let in.
async function answers(url) {
  for (const end = Date.now() + 120_000; Date.now() < end && !stopping; ) {
    if (await fetch(url).then((r) => r.ok, () => false)) return;
    await new Promise((r) => setTimeout(r, 250));
  }
  if (!stopping) throw new Error(`${url} does not answer`);
}
await Promise.all([answers("http://127.0.0.1:3978/readyz"), answers("http://127.0.0.1:56150/")]);
if (what === "test") {
  setTimeout(() => { console.error("the story takes too long"); stop(1); }, 300_000).unref();
  try {
    await (await import("./story.mjs")).default(process.env.APONO_PICTURE);
    stop(0);
  } catch (e) {
    console.error(e);
    stop(1);
  }
} else {
  console.log("Open http://127.0.0.1:56150/ and write apono. Ctrl-C ends it.");
}
