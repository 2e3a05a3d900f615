/**
 * The page: shows what the connection tells, and tells it what the user does.
 *
 * Whatever comes from users gets into the page as `textContent` or as a property, never as HTML.
 *
 * @module
 */

import { ask, Connection, Refused, TakenOver } from "./connection.js";

/** How many lines are kept in the page. */
const MOST_LINES = 500;
/** Messages of one person within this time, in ms, are shown as one. */
const TOGETHER = 5 * 60_000;
/** How close to the end, in pixels, counts as being there. */
const NEAR_END = 48;
const SAVED = "chat";

const polls = new URLSearchParams(location.search).get("transport") === "poll";
const byId = (id) => document.getElementById(id);
const log = byId("log");
const text = byId("text");

/** The connection, and who and what its server has told of; there is none before joining. */
let connection;
const people = new Set();
let rooms = [];
/** The lines of what was said and is not confirmed yet, by key. */
const pendingLines = new Map();
let atEnd = true;
let unread = 0;

// Joining and leaving

/** Shows the form to join with. */
async function welcome(error = "", { name = "", room } = {}) {
  connection = undefined;
  byId("chat").hidden = true;
  byId("welcome").hidden = false;
  document.title = "Chat";
  byId("name").value ||= name;
  showError(byId("join-error"), error);
  byId("name").focus();
  await showChoices(room);
}

/** Shows the rooms to choose from; tries until it can. */
async function showChoices(wanted = decodeURIComponent(location.hash.slice(1))) {
  const list = byId("choices");
  while (connection === undefined) {
    try {
      ({ rooms } = await ask("/api/rooms"));
    } catch {
      showError(byId("join-error"), "The server cannot be reached; trying again…");
      await new Promise((resolve) => setTimeout(resolve, 2000));
      continue;
    }
    if (byId("join-error").textContent.endsWith("…")) showError(byId("join-error"), "");
    fill(list, rooms, ({ name }) => {
      const item = element("li");
      const choice = item.appendChild(element("label", "choice"));
      const radio = choice.appendChild(element("input"));
      Object.assign(radio, { type: "radio", name: "room", value: name });
      choice.append(element("span", "title", name), element("span", "count"));
      return item;
    }, (item, { users }) => item.querySelector(".count").textContent = hereNow(users));
    const radios = [...list.querySelectorAll("input")];
    const chosen = radios.find((radio) => radio.value === wanted) ?? radios[0];
    if (!document.querySelector("[name=room]:checked") && chosen) chosen.checked = true;
    return;
  }
}

const hereNow = (users) => users === 0 ? "empty" : `${users} here`;

/** Joins a room and goes on until that ends; throws when it cannot be joined. */
async function enter(settings) {
  pendingLines.clear();
  const joining = new Connection({ ...settings, polls }, {
    event: (event) => connection === joining && show(event),
    state: (state) => connection === joining && showState(state),
    changed: () => connection === joining && save(),
    refused: refuse,
    ended: (error) => connection === joining && end(error),
  });
  const before = connection;
  connection = joining;
  try {
    await joining.join();
  } catch (error) {
    connection = before;
    throw error;
  }
  save();
  showRoom();
  void joining.run();
}

function save() {
  sessionStorage.setItem(SAVED, JSON.stringify(connection.saved));
}

/** The connection has come to an end that it cannot do anything about. */
function end(error) {
  const { saved } = connection;
  if (!(error instanceof TakenOver)) {
    sessionStorage.removeItem(SAVED);
    void welcome(error.message, saved);
    return;
  }
  showState("elsewhere");
  const dialog = byId("elsewhere");
  dialog.onclose = () => void enter(saved).catch((error) => welcome(error.message, saved));
  dialog.showModal();
}

let isSwitching = false;

async function switchTo(room) {
  const { saved } = connection;
  closePanels();
  text.focus();
  if (saved.room === room || isSwitching) return;
  if (saved.pending.length > 0) {
    return showError(byId("say-error"), "What you said is still being sent; please wait");
  }
  isSwitching = true;
  connection.stop();
  try {
    await enter({ ...saved, room });
  } catch (error) {
    showError(byId("say-error"), error.message);
    await enter(saved).catch((error) => welcome(error.message, saved));
  } finally {
    isSwitching = false;
  }
}

onForm("join", "join-error", async () => {
  const name = byId("name");
  const choice = document.querySelector("[name=room]:checked");
  if (name.value.trim() === "") throw invalid(name, "Your name is missing");
  let room = choice?.value;
  if (choice === byId("new-choice")) {
    room = byId("new-name").value;
    if (room.trim() === "") throw invalid(byId("new-name"), "The name of the room is missing");
    room = await about(byId("new-name"), create(room));
  }
  if (room === undefined) throw new Error("Choose a room");
  await about(name, enter({ name: name.value, room, token: savedToken() }));
  byId("new-name").value = "";
});

onForm("create", "create-error", async () => {
  const name = byId("create-name");
  if (name.value.trim() === "") throw invalid(name, "The name of the room is missing");
  const room = await about(name, create(name.value));
  name.value = "";
  await switchTo(room);
});

async function create(name) {
  return (await ask("/api/rooms", { name })).name;
}

function savedToken() {
  return JSON.parse(sessionStorage.getItem(SAVED) ?? "{}").token;
}

byId("leave").onclick = () => {
  const { saved } = connection;
  void connection.leave();
  sessionStorage.removeItem(SAVED);
  closePanels();
  void welcome("", saved);
};

addEventListener("pagehide", () => void connection?.leave({ soon: true }));

// Saying something

onForm("say", "say-error", () => {
  const said = text.value.trimEnd();
  if (said.trim() === "") return;
  text.value = "";
  atEnd = true;
  showPending(connection.say(said));
});

text.onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("say").requestSubmit();
};

function refuse(message, reason) {
  pendingLines.get(message.key)?.remove();
  pendingLines.delete(message.key);
  text.value ||= message.text;
  showError(byId("say-error"), reason);
}

// Showing what happens

function show(event) {
  switch (event.type) {
    case "reset":
      log.replaceChildren();
      pendingLines.clear();
      log.ariaBusy = "true"; // nobody wants all of that read out
      break;
    case "message":
      showMessage(event);
      break;
    case "join":
      people.add(event.user);
      showNote(event.user, "joined");
      break;
    case "leave":
      people.delete(event.user);
      showNote(event.user, "left");
      break;
    case "here":
      people.clear();
      for (const user of event.users) people.add(user);
      rooms = event.rooms;
      for (const message of connection.pending) showPending(message);
      log.ariaBusy = "false";
      break;
    case "rooms":
      ({ rooms } = event);
      break;
    case "bye":
      showLine(element("li", "note", "The server says goodbye"));
      break;
  }
  refreshSoon();
}

function showRoom() {
  const { name, room } = connection;
  byId("welcome").hidden = true;
  byId("chat").hidden = false;
  byId("room").textContent = room;
  byId("my-name").textContent = name;
  paint(byId("my-avatar"), name);
  text.placeholder = `Write to ${room}`;
  history.replaceState(null, "", `#${encodeURIComponent(room)}`);
  showState("connecting");
  unread = 0;
  toEnd();
  text.focus();
  refreshSoon();
}

const STATES = {
  connecting: "connecting…",
  live: "live",
  polling: "polling",
  reconnecting: "reconnecting…",
  elsewhere: "in another tab",
};

function showState(state) {
  const place = byId("state");
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = STATES[state];
}

function showMessage(message) {
  pendingLines.get(message.key)?.remove();
  pendingLines.delete(message.key);
  showLine(messageLine(message));
  if (document.hidden) unread++;
  if (!atEnd && message.user !== connection.name) byId("newest").hidden = false;
}

function showPending(message) {
  if (pendingLines.has(message.key)) return;
  const line = messageLine(message);
  line.classList.add("pending");
  pendingLines.set(message.key, line);
  showLine(line);
}

function messageLine({ id, user, text, at }) {
  const line = element("li", "message");
  const time = new Date(at);
  Object.assign(line.dataset, { user, at });
  if (id !== undefined) line.dataset.id = id;
  line.classList.toggle("own", user === connection.name);
  const body = element("div", "body");
  const meta = body.appendChild(element("p", "meta"));
  const clock = element("time", "", timeFormat.format(time));
  clock.dateTime = time.toISOString();
  meta.append(element("b", "", user), clock);
  const said = body.appendChild(element("p", "text", text));
  said.dir = "auto";
  const avatar = paint(element("span", "avatar"), user);
  avatar.ariaHidden = "true";
  line.append(avatar, body);
  line.style.setProperty("--hue", hueOf(user));
  return line;
}

/** Shows that somebody came or went, in one line with those who did the same just before. */
function showNote(user, what) {
  const last = log.lastElementChild;
  const users = last?.dataset.what === what ? [...JSON.parse(last.dataset.users), user] : [user];
  const note = element("li", "note");
  const shown = users.length > 5 ? `${users.length} people` : listFormat.format(users);
  note.textContent = `${shown} ${what}`;
  Object.assign(note.dataset, { what, users: JSON.stringify(users) });
  if (users.length > 1) last.remove();
  showLine(note);
}

/** Appends a line: what is pending stays below what is confirmed, and days are told apart. */
function showLine(line) {
  const isPending = line.classList.contains("pending");
  const before = isPending ? null : log.querySelector(".pending");
  const day = line.dataset.at === undefined ? "" : dayOf(Number(line.dataset.at));
  if (day !== "" && day !== lastDay()) {
    const separator = element("li", "day", day);
    separator.dataset.day = day;
    log.insertBefore(separator, before);
  }
  const previous = before === null ? log.lastElementChild : before.previousElementSibling;
  line.classList.toggle("first", !belongsTo(line, previous));
  log.insertBefore(line, before);
  before?.classList.toggle("first", !belongsTo(before, line));
  while (log.childElementCount > (atEnd ? MOST_LINES : 4 * MOST_LINES)) log.firstChild.remove();
  if (atEnd) toEnd();
}

function belongsTo(line, previous) {
  return previous?.dataset.user !== undefined && previous.dataset.user === line.dataset.user &&
    line.dataset.at - previous.dataset.at < TOGETHER;
}

function lastDay() {
  return [...log.querySelectorAll(".day")].at(-1)?.dataset.day;
}

function dayOf(at) {
  const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(Date.now()) - midnight(at)) / 86_400_000);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : dayFormat.format(at);
}

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const listFormat = new Intl.ListFormat("en", { type: "conjunction" });

let refreshing = false;

/** Brings the lists up to date, once for all that happens until the next picture. */
function refreshSoon() {
  if (refreshing) return;
  refreshing = true;
  requestAnimationFrame(() => {
    refreshing = false;
    if (connection !== undefined) refresh();
  });
}

function refresh() {
  const users = [...people].sort((a, b) => a.localeCompare(b));
  fill(byId("people"), users.map((name) => ({ name })), ({ name }) => {
    const item = element("li");
    const avatar = item.appendChild(paint(element("span", "avatar"), name));
    avatar.ariaHidden = "true";
    item.append(element("span", "title", name));
    if (name === connection.name) item.append(element("span", "count", "you"));
    return item;
  });
  for (const place of document.querySelectorAll(".head-count")) place.textContent = people.size;
  fill(byId("rooms"), rooms, ({ name }) => {
    const item = element("li");
    const button = item.appendChild(element("button"));
    button.type = "button";
    button.onclick = () => void switchTo(name);
    button.append(element("span", "title", name), element("span", "count"));
    return item;
  }, (item, { name, users }) => {
    const isHere = name === connection.room;
    const count = item.querySelector(".count");
    count.textContent = isHere ? people.size : users || "";
    count.ariaLabel = hereNow(isHere ? people.size : users);
    if (isHere) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  });
  showTitle();
}

function showTitle() {
  if (connection === undefined) return;
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${connection.room} – Chat`;
}

// Reading: the log follows what is said while its end is in view

function toEnd() {
  log.scrollTop = log.scrollHeight;
  atEnd = true;
  byId("newest").hidden = true;
}

log.onscroll = () => {
  atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
  if (atEnd) byId("newest").hidden = true;
};

new ResizeObserver(() => atEnd && toEnd()).observe(log);

byId("newest").onclick = () => {
  toEnd();
  text.focus();
};

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  showTitle();
});

// Panels on narrow screens

for (const button of document.querySelectorAll(".toggle")) {
  button.onclick = () => {
    const opens = button.ariaExpanded !== "true";
    closePanels();
    button.ariaExpanded = String(opens);
    const panel = byId(button.getAttribute("aria-controls"));
    panel.classList.toggle("open", opens);
    if (opens) panel.querySelector("button")?.focus();
  };
}

function closePanels() {
  for (const button of document.querySelectorAll(".toggle")) button.ariaExpanded = "false";
  for (const panel of document.querySelectorAll(".panel")) panel.classList.remove("open");
}

document.addEventListener("keydown", (event) => {
  const open = document.querySelector(".toggle[aria-expanded=true]");
  if (event.key !== "Escape" || open === null) return;
  closePanels();
  open.focus();
});

log.addEventListener("pointerdown", closePanels);

// Building blocks

function element(tag, className = "", content = "") {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.textContent = content;
  return made;
}

/** Makes the children of a list fit the items, which have names; those that are there already are kept. */
function fill(list, items, create, update = () => {}) {
  const known = new Map(Array.from(list.children, (child) => [child.dataset.name, child]));
  const children = items.map((item) => {
    const child = known.get(item.name) ?? create(item);
    child.dataset.name = item.name;
    update(child, item);
    return child;
  });
  const wanted = new Set(children);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  // Moving a child takes the focus away from it, so only those are moved that have to be.
  for (const [i, child] of children.entries()) {
    if (list.children[i] !== child) list.insertBefore(child, list.children[i] ?? null);
  }
}

function paint(avatar, name) {
  avatar.textContent = [...name][0] ?? "";
  avatar.style.setProperty("--hue", hueOf(name));
  return avatar;
}

/** A colour for a name; names that are nearly the same get very different ones. */
function hueOf(name) {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193) >>> 0;
  return hash % 360;
}

/** An error that is about one field of a form. */
function invalid(field, message) {
  return Object.assign(new Error(message), { field });
}

/** Says of what the server refuses about one field that it is about that field. */
async function about(field, answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Refused && [400, 409].includes(error.status)) error.field = field;
    throw error;
  }
}

function showError(place, message) {
  place.textContent = message;
}

/** Runs a function when a form is sent; its error is shown in the form. */
function onForm(id, errorId, submit) {
  const form = byId(id);
  form.onsubmit = async (event) => {
    event.preventDefault();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.ariaInvalid = null;
    showError(byId(errorId), "");
    const button = form.querySelector("button");
    button.disabled = id !== "say";
    try {
      await submit();
    } catch (error) {
      const message = error instanceof TypeError ? "The server cannot be reached" : error.message;
      showError(byId(errorId), message);
      if (error.field === undefined) return;
      error.field.ariaInvalid = "true";
      error.field.focus();
    } finally {
      button.disabled = false;
    }
  };
}

byId("new-name").onfocus = () => byId("new-choice").checked = true;

// A page that was loaded again goes on where it was.
const saved = JSON.parse(sessionStorage.getItem(SAVED) ?? "null");
if (saved === null) void welcome();
else void enter(saved).catch((error) => welcome(error.message, saved));
