// The page's script: it keeps the page as the server draws it, and sends what people do. No library, no build.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- drawing ------------------------------------------------------------------------------------------------------

// HTML of the server, which escaped everything in it, is all that is ever parsed.
const policy = globalThis.trustedTypes?.createPolicy("demo", { createHTML: (html) => html });
function parse(html) {
  const doc = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  return doc.body;
}

const keyOf = (node) => (node.nodeType === 1 ? node.dataset.key || node.id : "");

// morph makes old's children those of fresh, keeping nodes that are the same by key or kind, so that focus, scroll and
// what is being typed survive.
function morph(old, fresh) {
  const keyed = new Map();
  for (const node of old.childNodes) if (keyOf(node)) keyed.set(keyOf(node), node);
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    const key = keyOf(want);
    let have = null;
    if (key) have = keyed.get(key) ?? null;
    else if (at && !keyOf(at) && at.nodeName === want.nodeName) have = at;
    if (have && have.nodeName === want.nodeName) {
      if (have === at) at = at.nextSibling;
      else old.insertBefore(have, at);
      update(have, want);
    } else {
      old.insertBefore(document.importNode(want, true), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(have, want) {
  if (have.nodeType !== 1) {
    if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    return;
  }
  if (have.hasAttribute("data-own")) return; // the script's
  const kept = have.hasAttribute("data-stay") ? ["open"] : have.closest("[data-combo], [data-menu]") ? ["aria-expanded", "aria-activedescendant", "hidden"] : ["data-sent"];
  for (const { name } of [...have.attributes]) {
    if (!want.hasAttribute(name) && !kept.includes(name)) have.removeAttribute(name);
  }
  for (const { name, value } of want.attributes) {
    if (!kept.includes(name) && have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  if (have.matches("input, textarea")) {
    const busy = have.matches("[data-combo-input]") ? have.getAttribute("aria-expanded") === "true" : have === document.activeElement;
    if (busy || typing.has(have)) return;
    if (have.type === "checkbox" || have.type === "radio") have.checked = want.hasAttribute("checked");
    else have.value = have.nodeName === "TEXTAREA" ? want.textContent : (want.getAttribute("value") ?? "");
    return;
  }
  morph(have, want);
}

function draw(regions) {
  const active = document.activeElement;
  const held = active.closest(".pane") && {
    pane: active.closest(".pane").id,
    action: active.closest("[data-action]")?.dataset.action,
    query: active.matches("[data-combo-input]") && listed(active) ? active.value : undefined,
  };
  const before = new Map($$(".pane").map((pane) => [pane.id, $(".modal", pane)?.dataset.view]));
  const panes = Object.keys(regions).filter((id) => id.startsWith("pane-"));
  for (const id of panes) if (!$("#" + id)) {
    const pane = document.createElement("section");
    pane.className = "pane";
    pane.id = id;
    $("#panes").append(pane);
  }
  for (const [id, html] of Object.entries(regions)) {
    const region = document.getElementById(id);
    if (region) morph(region, parse(html));
  }
  for (const id of panes) {
    const pane = document.getElementById(id);
    const nav = $(".sidebar", pane)?.getAttribute("aria-label")?.replace("Conversations of ", "");
    if (nav) pane.setAttribute("aria-label", `Slack, as ${nav} sees it`);
    const dialog = $(".modal", pane);
    if (dialog && dialog.dataset.view !== before.get(id)) focusFirst(dialog);
    if (!dialog && before.get(id)) ($(".composer textarea", pane) ?? pane).focus({ preventScroll: true });
    const wrong = dialog && $("[aria-invalid]", dialog);
    if (wrong && dialog.dataset.sent) {
      delete dialog.dataset.sent;
      wrong.focus();
    }
  }
  handOver();
  if (held?.action && !active.isConnected) refocus(held);
  settle();
}

// refocus finds what took the place of an element that had the focus, when the app drew a form anew.
function refocus({ pane, action, query }) {
  const place = $(`#${pane} [data-action="${CSS.escape(action)}"]`);
  const field = place?.matches("input, textarea, button") ? place : place && $("input, textarea", place);
  field?.focus({ preventScroll: true });
  if (query === undefined || !field?.matches("[data-combo-input]")) return;
  field.value = query;
  search(field);
}

// settle keeps lists at their newest line, unless somebody scrolled up to read, and the guide at its next step.
const reading = new WeakSet();
function settle() {
  for (const list of $$("[data-scroll]")) if (!reading.has(list)) list.scrollTop = list.scrollHeight;
  const step = $("#guide .now");
  if (step) step.parentNode.scrollLeft = step.offsetLeft - step.parentNode.clientWidth / 2;
}
document.addEventListener("scroll", ({ target }) => {
  if (!target.hasAttribute?.("data-scroll")) return;
  if (target.scrollHeight - target.scrollTop - target.clientHeight > 60) reading.add(target);
  else reading.delete(target);
}, true);
addEventListener("resize", settle);

function focusFirst(dialog) {
  if (document.activeElement?.closest(".pane") !== dialog.closest(".pane") && document.activeElement !== document.body) return;
  ($("h2", dialog)).focus({ preventScroll: true });
}

// --- the address and the stream -----------------------------------------------------------------------------------

let stream;
function listen() {
  stream?.close();
  stream = new EventSource("/events" + location.search);
  stream.addEventListener("regions", (event) => {
    const regions = JSON.parse(event.data);
    if (stream.fresh !== false) {
      stream.fresh = false;
      for (const pane of $$(".pane")) if (!(pane.id in regions)) pane.remove();
      document.body.classList.toggle("two", "pane-1" in regions);
      document.body.classList.toggle("logging", new URLSearchParams(location.search).has("log"));
    }
    draw(regions);
    document.body.dataset.live = "";
  });
  stream.onerror = () => delete document.body.dataset.live;
}
addEventListener("popstate", listen);
addEventListener("pagehide", () => stream?.close());

function go(href) {
  if (href === location.pathname + location.search) return;
  history.pushState(null, "", href);
  listen();
}

// --- orders -------------------------------------------------------------------------------------------------------

let toastTimer;
function toast(text) {
  const box = $("#toast");
  box.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.textContent = ""), 7000);
}

async function post(path, body) {
  let answer;
  try {
    const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    answer = response.ok ? await response.json() : { error: await response.text() };
  } catch {
    answer = { error: "The demo does not answer. Is it still running?" };
  }
  if (answer.error) toast(answer.error);
  return answer;
}

const whoOf = (node) => {
  const pane = node.closest(".pane");
  return new URLSearchParams(location.search).get(pane.id === "pane-1" ? "who2" : "who") ?? $(".middle", pane)?.dataset.key.split(" ")[0];
};

// place says where an element is: in a view or a message, and which.
function place(node) {
  const at = node.closest("[data-action]");
  const view = node.closest("[data-view]");
  const message = node.closest("[data-ts]");
  return {
    who: whoOf(node),
    ...(view ? { view: view.dataset.view } : message ? { channel: message.dataset.channel, ts: message.dataset.ts } : {}),
    ...(at ? { block: at.dataset.block, action: at.dataset.action } : {}),
  };
}

// What was typed into fields goes out a moment later, and before anything else that the app hears of.
const typing = new Map();
function typed(field) {
  clearTimeout(typing.get(field)?.timer);
  typing.set(field, { pane: field.closest(".pane").id, timer: setTimeout(() => send(field), 300) });
}
async function send(field) {
  clearTimeout(typing.get(field)?.timer);
  if (field.isConnected) await post("/act", { do: "type", ...place(field), text: field.value });
  typing.delete(field);
}
// handOver gives what was being typed to the field that took the place of the old one.
function handOver() {
  for (const [field, { pane, timer }] of [...typing]) {
    if (field.isConnected) continue;
    clearTimeout(timer);
    typing.delete(field);
    const next = $(`#${pane} [data-type][data-action="${CSS.escape(field.dataset.action)}"]`);
    if (!next) continue;
    next.value = field.value;
    typed(next);
  }
}
async function flush() {
  for (const field of [...typing.keys()]) await send(field);
}
async function act(node, order) {
  const body = { ...order, ...place(node) };
  await flush();
  return post("/act", body);
}

// --- what people do -----------------------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const hit = (selector) => event.target.closest?.(selector);
  let node;
  if (!hit("[data-menu]")) closeMenus();
  if ((node = hit("a[data-nav]"))) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const home = node.hasAttribute("data-home") && !node.hasAttribute("aria-current") && whoOf(node);
    go(node.getAttribute("href"));
    if (home) post("/act", { do: "home", who: home });
  } else if ((node = hit("[data-minutes]"))) {
    post("/time", { minutes: Number(node.dataset.minutes) });
  } else if ((node = hit("[data-to-end]"))) {
    post("/time", { to_end: true });
  } else if ((node = hit("[data-fill]"))) {
    const box = $("textarea", node.form);
    box.value = node.dataset.fill + " ";
    box.focus();
  } else if ((node = hit("[data-close-all]"))) {
    act(node, { do: "close_all" });
  } else if ((node = hit("[data-close]"))) {
    act(node, { do: "close" });
  } else if ((node = hit("[data-press]"))) {
    if (node.dataset.yes && !(await confirmed(node.dataset))) return;
    node.classList.add("busy");
    await act(node, { do: "press" });
    node.classList.remove("busy");
  } else if ((node = hit("[data-option]"))) {
    closeMenus();
    act(node, { do: "press", option: node.dataset.option });
  } else if ((node = hit("[data-menu] > .more"))) {
    const open = node.getAttribute("aria-expanded") === "true";
    closeMenus();
    if (!open) {
      node.setAttribute("aria-expanded", "true");
      node.nextElementSibling.hidden = false;
      $("button", node.nextElementSibling)?.focus();
    }
  } else if ((node = hit("[data-remove]"))) {
    const combo = node.closest("[data-combo]");
    const gone = node.closest("[data-value]").dataset.value;
    choose(combo, chosen(combo).filter((value) => value !== gone));
  } else if ((node = hit("[data-clear]"))) {
    choose(node.closest("[data-combo]"), []);
  }
});

function closeMenus() {
  for (const open of $$("[data-menu] > [aria-expanded=true]")) {
    open.setAttribute("aria-expanded", "false");
    open.nextElementSibling.hidden = true;
  }
}

// confirmed asks what the app wants asked before a button is pressed.
function confirmed({ title, text, yes, no }) {
  const dialog = document.createElement("dialog");
  const add = (tag, content) => {
    const node = document.createElement(tag);
    node.textContent = content;
    dialog.append(node);
    return node;
  };
  const heading = add("h2", title);
  heading.id = "confirm-title";
  dialog.setAttribute("aria-labelledby", heading.id);
  add("p", text);
  const refuse = add("button", no);
  const agree = add("button", yes);
  agree.className = "primary";
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    agree.onclick = () => dialog.close("yes");
    refuse.onclick = () => dialog.close();
    dialog.onclose = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    };
  });
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.matches(".modal")) {
    form.dataset.sent = "yes";
    const button = $("button[type=submit]", form);
    button?.classList.add("busy");
    await act(form, { do: "submit" });
    button?.classList.remove("busy");
  } else if (form.matches("[data-say]")) {
    const box = $("textarea", form);
    const text = box.value;
    if (!text.trim()) return;
    box.value = "";
    grow(box);
    const answer = await post("/act", { do: "say", who: whoOf(form), at: form.dataset.at, thread: form.dataset.thread, text });
    if (answer.error && !box.value) box.value = text;
  }
});

function grow(box) {
  box.rows = Math.min(6, box.value.split("\n").length);
}

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches("[data-type]")) typed(field);
  else if (field.matches("[data-say] textarea")) grow(field);
  else if (field.matches("[data-combo-input]")) search(field);
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches("[data-pick]")) act(field, { do: "choose", values: field.value ? [field.value] : [] });
  const boxes = field.closest("[data-boxes]");
  if (boxes) act(boxes, { do: "choose", values: $$("input:checked", boxes).map((box) => box.value) });
});

document.addEventListener("keydown", async (event) => {
  const field = event.target;
  if (field.matches("[data-combo-input]")) return comboKey(event);
  if (field.matches("[role=menu] *")) return menuKey(event);
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && field.matches("[data-say] textarea")) {
    event.preventDefault();
    field.form.requestSubmit();
  } else if (event.key === "Enter" && field.matches("input[data-dispatch]")) {
    event.preventDefault();
    await send(field);
    act(field, { do: "enter" });
  } else if (event.key === "Escape") {
    closeModal(field);
  }
});

function closeModal(within) {
  const modal = within.closest(".modal");
  if (modal) act(modal, { do: "close" });
}

function menuKey(event) {
  const items = $$("button", event.target.closest("[role=menu]"));
  const at = items.indexOf(event.target);
  if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
  else if (event.key === "ArrowUp") items[(at + items.length - 1) % items.length].focus();
  else if (event.key === "Escape") {
    const opener = event.target.closest("[data-menu]").firstElementChild;
    closeMenus();
    opener.focus();
  } else return;
  event.preventDefault();
}

// --- menus that are typed into ------------------------------------------------------------------------------------

// pending are choices that are on their way.
const pending = new WeakMap();
const chosen = (combo) => pending.get(combo) ?? (combo.hasAttribute("data-multi")
  ? $$(".chip", combo).map((chip) => chip.dataset.value)
  : [$("input", combo).dataset.value].filter(Boolean));

async function choose(combo, values) {
  pending.set(combo, values);
  await act(combo, { do: "choose", values });
  setTimeout(() => pending.get(combo) === values && pending.delete(combo), 200);
}

let asked = 0;
let found = Promise.resolve(); // the list for what was typed last
let seeking = null; // the field whose list is on its way
function search(field) {
  seeking = field;
  const mine = (found = find(field));
  mine.finally(() => mine === found && (seeking = null));
}
// listed reports whether the field has a list of suggestions, or is about to.
const listed = (field) => field === seeking || field.getAttribute("aria-expanded") === "true";
async function find(field) {
  const combo = field.closest("[data-combo]");
  const turn = ++asked;
  const query = field.value;
  if (!combo.hasAttribute("data-external")) {
    const words = query.toLowerCase();
    const all = JSON.parse(combo.dataset.options);
    list(combo, all.filter((o) => (o.text + " " + (o.description ?? "")).toLowerCase().includes(words)));
    return;
  }
  if (query.length < Number(combo.dataset.min)) {
    list(combo, [], `Type ${combo.dataset.min} letters to search.`);
    return;
  }
  await new Promise((resolve) => setTimeout(resolve, 120));
  if (turn !== asked) return;
  const answer = await act(combo, { do: "suggest", text: query });
  if (turn === asked && document.activeElement === field) list(combo, answer.options ?? []);
}

function list(combo, options, sentence = "No results") {
  const box = $("[role=listbox]", combo);
  const field = $("input", combo);
  const has = new Set(chosen(combo));
  box.replaceChildren();
  let group = "";
  options.forEach((o, i) => {
    if (o.group && o.group !== group) {
      group = o.group;
      const head = document.createElement("li");
      head.className = "group";
      head.role = "presentation";
      head.textContent = group;
      box.append(head);
    }
    const item = document.createElement("li");
    item.role = "option";
    item.id = `${box.id}-${i}`;
    item.dataset.value = o.value;
    item.setAttribute("aria-selected", has.has(o.value));
    item.textContent = o.text;
    if (o.description) {
      const more = document.createElement("small");
      more.textContent = o.description;
      item.append(more);
    }
    box.append(item);
  });
  if (!options.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.role = "option";
    none.setAttribute("aria-disabled", "true");
    none.textContent = sentence;
    box.append(none);
  }
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-expanded", "true");
  point(field, $("[role=option]:not(.none)", box));
}

function point(field, item) {
  const box = $("[role=listbox]", field.closest("[data-combo]"));
  for (const other of $$(".at", box)) other.classList.remove("at");
  if (!item) return field.removeAttribute("aria-activedescendant");
  item.classList.add("at");
  item.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", item.id);
}

function closeList(combo) {
  asked++;
  seeking = null;
  const field = $("input", combo);
  $("[role=listbox]", combo).hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
  field.value = field.getAttribute("value") ?? "";
}

function take(combo, item) {
  if (!item || item.matches(".none")) return;
  const value = item.dataset.value;
  if (!combo.hasAttribute("data-multi")) {
    closeList(combo);
    return choose(combo, [value]);
  }
  const has = chosen(combo);
  item.setAttribute("aria-selected", !has.includes(value));
  return choose(combo, has.includes(value) ? has.filter((v) => v !== value) : [...has, value]);
}

function comboKey(event) {
  const field = event.target;
  const combo = field.closest("[data-combo]");
  const box = $("[role=listbox]", combo);
  const items = $$("[role=option]:not(.none)", box);
  const at = items.findIndex((item) => item.classList.contains("at"));
  switch (event.key) {
    case "ArrowDown":
    case "ArrowUp":
      if (box.hidden) {
        field.value = "";
        search(field);
      } else if (items.length) point(field, items[(at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length]);
      break;
    case "Enter":
      if (!box.hidden) found.then(() => take(combo, $(".at", box)));
      break;
    case "Escape":
      if (listed(field)) closeList(combo);
      else closeModal(field);
      break;
    case "Backspace":
      if (field.value === "" && combo.hasAttribute("data-multi") && chosen(combo).length) choose(combo, chosen(combo).slice(0, -1));
      return;
    default:
      return;
  }
  event.preventDefault();
}

document.addEventListener("mousedown", (event) => {
  const item = event.target.closest?.("[role=option]");
  const combo = event.target.closest?.("[data-combo]");
  if (item) {
    event.preventDefault(); // the field keeps the focus
    take(combo, item);
  } else if (combo && event.target.matches("[data-combo-input]") && $("[role=listbox]", combo).hidden) {
    const field = event.target;
    setTimeout(() => {
      field.select();
      const shown = field.value;
      field.value = "";
      search(field);
      field.value = combo.hasAttribute("data-external") ? "" : shown;
      if (!combo.hasAttribute("data-multi")) field.select();
    });
  }
});

document.addEventListener("focusout", (event) => {
  if (event.target.matches?.("[data-combo-input]")) closeList(event.target.closest("[data-combo]"));
  if (typing.has(event.target)) send(event.target);
});

settle();
document.body.classList.toggle("two", Boolean($("#pane-1")));
document.body.classList.toggle("logging", new URLSearchParams(location.search).has("log"));
listen();
