/**
 * A chat: rooms, backlog, who is here; through a WebSocket, or long polling where that does not work.
 *
 * ```sh
 * deno run -A examples/chat.ts --port 8000 --host 127.0.0.1 --db chat.db
 * ```
 *
 * Each client has a session, and the session a bounded `Queue` with what is on its way to that client. Whoever says
 * something puts it into the queues of the room and never waits; a greenlet for each client takes it out at the client's
 * pace. See `chat/session.ts` for the details, `chat/connection.js` for the other side.
 *
 * The protocol, in JSON; an error is `{error}` with a status:
 *
 * - `GET /api/rooms` gives `{rooms: [{name, users}]}`; `POST /api/rooms {name}` makes one: 201, 400, 409, 503.
 * - `POST /api/join {name, room, token?, epoch?, after?}` gives `{token, epoch, name, room, seen, after, events}`: 400
 *   for what cannot be a name, 404 for an unknown room, 409 for a name that somebody else has, 503 when the chat is
 *   full. With `token` a client takes its session up again. With `epoch` (which database it was) and `after` (the last
 *   message it has) it gets only what it has missed.
 * - `POST /api/poll?token=…&seen=…&after=…` waits for a delivery `{seen, after, events}`, with no events if there are
 *   none for 20 s. The client hands `seen` and `after` back the next time: that is how the server notices that a delivery
 *   got lost, and repeats what was in it. 404 for an unknown session, 409 when another client has taken it over.
 * - `POST /api/send?token=… {key, text}` gives `{id}`; sent again with the same `key`, it is not said again.
 * - `POST /api/leave?token=…` ends the session; with `&soon`, if nobody takes it up in the next seconds.
 * - `GET /ws?token=…&seen=…&after=…` is a WebSocket. The server sends deliveries as `{type: "events", seen, after, events}`
 *   and answers `{type: "send", key, text}` with `{type: "sent", key, id}` or `{type: "error", key, error}`, and
 *   `{type: "ping"}` with `{type: "pong"}`. It closes with 4001 when another client has taken the session over.
 *
 * Events: `message` (id, key, user, text, at), `join` and `leave` (user), `rooms` (rooms), `here` (users, rooms: ends a
 * catching up), `reset` (forget all messages: what comes now does not join on to them), `bye` (the server stops).
 *
 * @module
 */

import {
  Group,
  HttpError,
  type HttpResult,
  HttpServer,
  main,
  readText,
  ShutDown,
  Timeout,
  upgradeWebSocket,
  type WebSocketConnection,
  WebSocketError,
  type WebSocketMessage,
} from "../mod.ts";
import { readFiles } from "./chat/files.ts";
import {
  checkKey,
  checkName,
  checkNumber,
  checkPosition,
  checkText,
  MAX_BODY,
  parseObject,
} from "./chat/limits.ts";
import { Rooms } from "./chat/rooms.ts";
import { type Delivery, type Position, type Session, TakenOver } from "./chat/session.ts";
import { fail, readSettings } from "./chat/settings.ts";
import { Store } from "./chat/store.ts";

/** How long a poll waits for something to happen, in ms. */
const POLL_TIME = 20_000;
/** How long the body of a request may take, in ms. */
const BODY_TIME = 10_000;
/** How long a client that reloads its page has for it, in ms. */
const RELOAD_TIME = 2000;
/** How long it may take to say goodbye to everybody, in ms. */
const GOODBYE_TIME = 1000;

/** The greenlets that deliver through WebSockets. */
const delivering = new Group();

type Route = (request: Request, url: URL) => HttpResult | Promise<HttpResult>;

/** What there is to ask for. */
function routesFor(rooms: Rooms, files: Iterable<[string, Route]>): Map<string, Route> {
  const sessionOf = (url: URL): Session => rooms.session(url.searchParams.get("token"));
  const routes: Record<string, Route> = {
    "GET /api/rooms": () => ({ rooms: rooms.list() }),

    "POST /api/rooms": async (request) => {
      const name = checkName((await readObject(request))["name"], "room");
      rooms.create(name);
      return Response.json({ name }, { status: 201 });
    },

    "POST /api/join": async (request) => {
      const body = await readObject(request);
      const name = checkName(body["name"], "name");
      const after = checkNumber(body["after"], "after");
      const session = rooms.join(name, checkName(body["room"], "room"), body["token"]);
      const { token, room } = session;
      const { epoch } = rooms.store;
      const delivery = session.catchUp(body["epoch"] === epoch ? after : -1);
      return { token, epoch, name, room: room.name, ...delivery };
    },

    "POST /api/poll": async (_request, url) => {
      const session = sessionOf(url);
      using _ = session.attach();
      try {
        return await session.next(checkPosition(url.searchParams), { timeout: POLL_TIME });
      } catch (error) {
        if (error instanceof TakenOver) throw new HttpError(409, "Another client has taken over");
        if (error instanceof ShutDown) throw new HttpError(404, "The session has ended");
        throw error;
      }
    },

    "POST /api/send": async (request, url) => {
      const session = sessionOf(url);
      return { id: say(session, await readObject(request)) };
    },

    "POST /api/leave": (_request, url) => {
      const session = sessionOf(url);
      if (url.searchParams.has("soon")) session.leaveSoon(RELOAD_TIME);
      else rooms.leave(session);
    },

    "GET /ws": (request, url) => {
      if (!request.headers.has("upgrade")) throw new HttpError(426, "This is for WebSockets");
      const session = sessionOf(url);
      const at = checkPosition(url.searchParams);
      return upgradeWebSocket(request, (socket) => talk(socket, session, at), {
        maxMessageSize: MAX_BODY,
        maxUnread: 64,
      });
    },
  };
  const pages = Array.from(files, ([path, page]) => [`GET ${path}`, page] as const);
  return new Map([...Object.entries(routes), ...pages]);
}

/** One WebSocket: this greenlet receives, another one delivers. */
async function talk(socket: WebSocketConnection, session: Session, at: Position): Promise<void> {
  using _ = session.attach();
  await using _delivery = await delivering.spawn(deliver, socket, session, at);
  try {
    for await (const message of socket) {
      await socket.send(JSON.stringify(answer(session, message)));
    }
  } catch (error) {
    if (error instanceof TakenOver) socket.close(4001, "Another client has taken over");
    throw error;
  }
}

/** Sends what happens, at the pace of the client. */
async function deliver(socket: WebSocketConnection, session: Session, at: Position): Promise<void> {
  try {
    for (;;) {
      const delivery: Delivery = await session.next(at);
      await socket.send(JSON.stringify({ type: "events", ...delivery }));
      at = delivery;
    }
  } catch (error) {
    // The session has ended, or the client has left.
    if (!(error instanceof ShutDown || error instanceof WebSocketError)) throw error;
  } finally {
    socket.close(1001, "Goodbye");
  }
}

/** The answer to what came through a WebSocket. */
function answer(session: Session, message: WebSocketMessage): object {
  let key: unknown;
  try {
    const body = parseObject(typeof message === "string" ? message : "");
    if (body["type"] === "ping") return { type: "pong" };
    if (body["type"] !== "send") throw new HttpError(400, "Expected the type 'send' or 'ping'");
    key = body["key"];
    return { type: "sent", key, id: say(session, body) };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { type: "error", key, error: error.message };
  }
}

function say(session: Session, body: Record<string, unknown>): number {
  return session.room.say(session.name, checkKey(body["key"]), checkText(body["text"]));
}

async function readObject(request: Request): Promise<Record<string, unknown>> {
  using _ = Timeout.start(BODY_TIME, new HttpError(408, "The body took too long"));
  return parseObject(await readText(request, { limit: MAX_BODY }));
}

/** Answers a request, with an error as JSON if need be. */
async function respond(routes: Map<string, Route>, request: Request): Promise<HttpResult> {
  try {
    checkOrigin(request);
    const url = new URL(request.url);
    const { pathname } = url;
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = routes.get(`${method} ${pathname}`);
    if (route !== undefined) return await route(request, url);
    const known = [...routes.keys()].some((key) => key.endsWith(` ${pathname}`));
    if (known) throw new HttpError(405, `${pathname} does not take ${request.method}`);
    throw new HttpError(404, `There is nothing at ${pathname}`);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return Response.json({ error: error.message }, { status: error.status });
  }
}

/** Pages of somebody else must not speak in the name of those who look at them. */
function checkOrigin(request: Request): void {
  const origin = request.headers.get("origin");
  if (origin === null) return;
  if (URL.canParse(origin) && new URL(origin).host === request.headers.get("host")) return;
  throw new HttpError(403, "Pages of other origins may not use this");
}

function openStore(path: string): Store | undefined {
  try {
    return new Store(path);
  } catch (error) {
    return fail(1, `Cannot use the database ${path}: ${(error as Error).message}`);
  }
}

const program = main(async () => {
  const settings = readSettings(Deno.args);
  if (settings === undefined) return;
  using store = openStore(settings.db);
  if (store === undefined) return;
  const rooms = new Rooms(store, settings.grace);
  const routes = routesFor(rooms, await readFiles());
  await using server = new HttpServer(settings, (request) => respond(routes, request), {
    log: null,
  });
  try {
    await server.start();
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) return fail(1, (error as Error).message);
    return fail(1, `Port ${settings.port} of ${settings.hostname} is taken; try another --port`);
  }
  console.log(`Chat is at ${server.url} (Ctrl-C to stop)`);
  try {
    await rooms.lookAfter();
  } finally {
    rooms.close();
    await delivering.join({ timeout: GOODBYE_TIME }); // what the server does then is to close WebSockets
  }
});
// The runtime would wait for clients that do not read what is on its way to them.
program.rawlink(() => Deno.exit());
