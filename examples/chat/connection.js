/**
 * The client's end of the chat: a connection that looks after itself.
 *
 * It joins, then listens through a WebSocket, or polls when no WebSocket can be opened. When the connection is lost, it
 * joins again, from where it was. What was said and is not confirmed yet is kept, and said again with the same key, which
 * the server knows.
 *
 * @module
 */

/** How long a WebSocket may take to open, in ms. */
const OPENING_TIME = 5000;
/** How often a WebSocket may fail to open before there is polling instead. */
const MOST_FAILURES = 2;
/** After how much silence the server is asked whether it is still there, in ms. */
const SILENCE = 15_000;
/** How long it may take to answer that, in ms. */
const ANSWER_TIME = 10_000;
/** How long a request may take, in ms; a poll takes up to 20 s. */
const REQUEST_TIME = 30_000;
/** The pause before the first attempt to connect again, and the longest one, in ms. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
/** A connection that lasted this long, in ms, was a good one: pauses are short again. */
const GOOD_TIME = 10_000;
/** What a WebSocket is closed with when another client has taken the session over. */
const TAKEN_OVER = 4001;

/** The server has said no. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Somebody else goes on with the session, in another tab for example. */
export class TakenOver extends Error {}

/** Asks the server for something; a body makes it a POST. */
export async function ask(path, body, { signal, keepalive = false } = {}) {
  const limit = AbortSignal.timeout(REQUEST_TIME);
  const response = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    keepalive,
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Refused(response.status, answer.error ?? `The server answered ${response.status}`);
}

/** One person in one room. */
export class Connection {
  #on;
  #token;
  #epoch;
  #at = { seen: -1, after: -1 };
  #polls;
  #failures = 0;
  #socket;
  #pending = new Map();
  #saying = false;
  #stopped = new AbortController();

  /**
   * Does nothing yet.
   *
   * @param settings `name` and `room`; `token` of a session to go on with, `pending` of what was not said there; `polls`
   * to do without WebSockets.
   * @param on What to call: `event` for each event, `state` when it is `live`, `polling` or `reconnecting`, `refused`
   * with a message that cannot be said, `changed` when {@link Connection.saved} has changed, `ended` when it is over.
   */
  constructor({ name, room, token, pending = [], polls = false }, on) {
    this.name = name;
    this.room = room;
    this.#token = token;
    this.#polls = polls;
    this.#on = on;
    for (const message of pending) this.#pending.set(message.key, message);
  }

  /** What is needed to go on after the page was loaded again. */
  get saved() {
    return { name: this.name, room: this.room, token: this.#token, pending: this.pending };
  }

  /** What was said and is not confirmed yet. */
  get pending() {
    return [...this.#pending.values()];
  }

  /** Begins, or goes on with, the session; throws what is in the way. */
  async join() {
    const { name, room } = this;
    const request = { name, room, token: this.#token, epoch: this.#epoch, after: this.#at.after };
    const joined = await ask("/api/join", request, { signal: this.#stopped.signal });
    this.name = joined.name;
    this.room = joined.room;
    this.#token = joined.token;
    this.#epoch = joined.epoch;
    this.#on.changed();
    this.#receive(joined);
  }

  /** After {@link Connection.join}: goes on until it is stopped, or refused. */
  async run() {
    let pause = FIRST_PAUSE;
    let joined = true;
    while (!this.#stopped.signal.aborted) {
      const began = performance.now();
      try {
        if (!joined) await this.join();
        if (this.#stopped.signal.aborted) return;
        await (this.#polls || this.#failures >= MOST_FAILURES ? this.#poll() : this.#listen());
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        if (isFinal(error)) {
          this.stop();
          return this.#on.ended(error);
        }
      }
      if (this.#stopped.signal.aborted) return;
      joined = false;
      this.#on.state("reconnecting");
      if (performance.now() - began > GOOD_TIME) pause = FIRST_PAUSE;
      await this.#pause(pause * (0.5 + Math.random() / 2));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** Says something, now or as soon as there is a connection; returns what it is called until it is confirmed. */
  say(text) {
    const message = { key: newKey(), user: this.name, text, at: Date.now() };
    this.#pending.set(message.key, message);
    this.#on.changed();
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send(message);
    else void this.#sayAll();
    return message;
  }

  /** Ends it; the server keeps the session for a while. */
  stop() {
    this.#stopped.abort();
  }

  /** Tells the server that the client goes: for good, or maybe only to load the page again. */
  async leave({ soon = false } = {}) {
    if (!soon) this.stop();
    const path = `/api/leave?token=${this.#token}${soon ? "&soon" : ""}`;
    await ask(path, {}, { keepalive: true }).catch(() => {}); // if nobody hears it, the session ends by itself
  }

  #receive({ seen, after, events }) {
    this.#at = { seen, after };
    for (const event of events) {
      if (event.type === "message") this.#confirm(event.key);
      this.#on.event(event);
    }
  }

  #confirm(key) {
    if (this.#pending.delete(key)) this.#on.changed();
  }

  #refuse(key, reason) {
    const message = this.#pending.get(key);
    if (message === undefined) return;
    this.#confirm(key);
    this.#on.refused(message, reason);
  }

  get #query() {
    return `token=${this.#token}&seen=${this.#at.seen}&after=${this.#at.after}`;
  }

  /** Polls until something is in the way. */
  async #poll() {
    try {
      for (;;) {
        this.#on.state("polling");
        void this.#sayAll();
        this.#receive(await ask(`/api/poll?${this.#query}`, {}, { signal: this.#stopped.signal }));
      }
    } catch (error) {
      this.#failures = 0; // things may have changed: WebSockets get another chance
      if (!(error instanceof Refused)) throw error;
      if (error.status === 409) throw new TakenOver();
      if (error.status !== 404) throw error; // or else the session is over: join again
    }
  }

  /** Says what is pending by requests, one after the other. */
  async #sayAll() {
    if (this.#saying || this.#token === undefined) return;
    this.#saying = true;
    try {
      for (const { key, text } of this.#pending.values()) {
        try {
          await ask(`/api/send?token=${this.#token}`, { key, text });
          this.#confirm(key);
        } catch (error) {
          if (!(error instanceof Refused) || ![400, 413].includes(error.status)) return; // later
          this.#refuse(key, error.message);
        }
      }
    } finally {
      this.#saying = false;
    }
  }

  /** Listens through a WebSocket until it is closed. */
  async #listen() {
    const url = new URL(`/ws?${this.#query}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = this.#socket = new WebSocket(url);
    const closed = new Promise((resolve) => socket.onclose = (event) => resolve(event.code));
    const opened = new Promise((resolve) => socket.onopen = () => resolve(true));
    // A connection that is dead cannot be closed in an orderly way, so nobody waits for that.
    const { promise: givenUp, resolve: giveUp } = Promise.withResolvers();
    this.#stopped.signal.addEventListener("abort", giveUp, { once: true });
    let watch = setTimeout(giveUp, OPENING_TIME);
    try {
      if (!await Promise.race([opened, closed.then(() => false), givenUp])) {
        this.#failures++;
        return;
      }
      this.#failures = 0;
      clearTimeout(watch);
      watch = this.#watch(socket, giveUp);
      this.#on.state("live");
      for (const message of this.#pending.values()) this.#send(message);
      const code = await Promise.race([closed, givenUp]);
      if (code === TAKEN_OVER) throw new TakenOver();
    } finally {
      clearTimeout(watch); // it may be an interval by now
      this.#stopped.signal.removeEventListener("abort", giveUp);
      this.#socket = socket.onmessage = undefined;
      socket.close();
    }
  }

  /** Takes what comes through a WebSocket, and has it given up when the server is silent even when asked. */
  #watch(socket, giveUp) {
    let asked;
    let heard = performance.now();
    socket.onmessage = ({ data }) => {
      heard = performance.now();
      asked = undefined;
      this.#hear(JSON.parse(data));
    };
    return setInterval(() => {
      const now = performance.now();
      if (asked !== undefined && now - asked > ANSWER_TIME) return giveUp();
      if (asked !== undefined || now - heard < SILENCE) return;
      asked = now;
      socket.send(JSON.stringify({ type: "ping" }));
    }, 1000);
  }

  #hear(message) {
    if (message.type === "events") this.#receive(message);
    else if (message.type === "sent") this.#confirm(message.key);
    else if (message.type === "error") this.#refuse(message.key, message.error);
  }

  #send({ key, text }) {
    this.#socket.send(JSON.stringify({ type: "send", key, text }));
  }

  /** Waits, but no longer than until the network or the user is back. */
  #pause(ms) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        removeEventListener("focus", done);
        this.#stopped.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      addEventListener("online", done);
      addEventListener("focus", done);
      this.#stopped.signal.addEventListener("abort", done);
    });
  }
}

/** Whether there is no use in trying again: what the server refuses it will refuse again, unless it is only busy. */
function isFinal(error) {
  if (error instanceof Refused) return error.status < 500 && error.status !== 408;
  return error instanceof TakenOver;
}

/** `crypto.randomUUID()` is there for pages with https only. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
