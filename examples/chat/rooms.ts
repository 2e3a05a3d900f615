/**
 * Who is where, and who hears of what.
 *
 * @module
 */

import { getHub, HttpError, sleep } from "../../mod.ts";
import { keyOf, MAX_ROOMS, MAX_SESSIONS, PAGE } from "./limits.ts";
import { type ChatEvent, Session } from "./session.ts";
import type { Message, Store } from "./store.ts";

/** A room in the list of rooms. */
export interface RoomInfo {
  readonly name: string;
  /** How many are in it. */
  readonly users: number;
}

/** What rooms there are when the database is new. */
const FIRST_ROOMS = ["lobby", "deno"];

/** How often the list of rooms is sent out, at most, and those who are gone are looked for; in ms. */
const INTERVAL = 500;

/** A room, and who is in it. */
export class Room {
  readonly name: string;
  readonly members: Set<Session> = new Set();
  readonly #id: number;
  readonly #rooms: Rooms;

  constructor(id: number, name: string, rooms: Rooms) {
    this.#id = id;
    this.name = name;
    this.#rooms = rooms;
  }

  /** Stores a message and tells everybody; returns its id. One that was stored before is only looked up. */
  say(user: string, key: string, text: string): number {
    const { message, fresh } = this.#rooms.store.add(this.#id, user, key, text);
    if (fresh) this.tell(message);
    return message.id;
  }

  /** Tells everybody in the room. */
  tell(event: ChatEvent): void {
    for (const session of this.members) session.tell(event);
  }

  /** The next messages after one, as {@link Store.newer} has them. */
  newer(after: number): Message[] | undefined {
    return this.#rooms.store.newer(this.#id, after, PAGE);
  }

  /** The last messages. */
  latest(): Message[] {
    return this.#rooms.store.latest(this.#id, PAGE);
  }

  /** Who is here, and what other rooms there are. */
  here(): ChatEvent {
    const users = Array.from(this.members, (session) => session.name);
    return { type: "here", users, rooms: this.#rooms.list() };
  }
}

/** All rooms and all sessions. */
export class Rooms {
  readonly store: Store;
  readonly #grace: number;
  readonly #rooms = new Map<string, Room>();
  readonly #sessions = new Map<string, Session>();
  readonly #names = new Map<string, Session>();
  #changed = false;

  /** Takes up the rooms of a database; somebody whose connection is lost stays for `grace` ms. */
  constructor(store: Store, grace: number) {
    this.store = store;
    this.#grace = grace;
    for (const { id, name } of store.rooms()) {
      this.#rooms.set(keyOf(name), new Room(id, name, this));
    }
    if (this.#rooms.size === 0) FIRST_ROOMS.forEach((name) => this.create(name));
  }

  /** The rooms and their head counts. */
  list(): RoomInfo[] {
    return Array.from(this.#rooms.values(), ({ name, members }) => ({ name, users: members.size }));
  }

  /** Makes a room. */
  create(name: string): void {
    if (this.#rooms.has(keyOf(name))) throw new HttpError(409, `There is a room "${name}" already`);
    if (this.#rooms.size >= MAX_ROOMS) {
      throw new HttpError(503, `There are ${MAX_ROOMS} rooms already, and there can be no more`);
    }
    this.#rooms.set(keyOf(name), new Room(this.store.addRoom(name), name, this));
    this.#changed = true;
  }

  /** The session of a token, which is proof enough of who somebody is. */
  session(token: unknown): Session {
    const session = typeof token === "string" ? this.#sessions.get(token) : undefined;
    if (session !== undefined) return session;
    throw new HttpError(404, "There is no such session (any more); join again");
  }

  /** Lets somebody in: with the token of a session that is still there and the same name and room, goes on with that. */
  join(name: string, roomName: string, token: unknown): Session {
    const room = this.#rooms.get(keyOf(roomName));
    if (room === undefined) throw new HttpError(404, `There is no room "${roomName}"`);
    const own = typeof token === "string" ? this.#sessions.get(token) : undefined;
    if (own?.name === name && own.room === room) return own;
    const holder = this.#names.get(keyOf(name));
    if (holder !== undefined && holder !== own) {
      throw new HttpError(409, `Somebody here is called "${holder.name}" already`);
    }
    if (own !== undefined) this.leave(own);
    if (this.#sessions.size >= MAX_SESSIONS) throw new HttpError(503, "The chat is full");
    const session = new Session(name, room, this.#grace);
    room.tell({ type: "join", user: name });
    this.#sessions.set(session.token, session);
    this.#names.set(keyOf(name), session);
    room.members.add(session);
    this.#changed = true;
    return session;
  }

  /** Ends a session. */
  leave(session: Session): void {
    if (!this.#sessions.delete(session.token)) return;
    this.#names.delete(keyOf(session.name));
    session.room.members.delete(session);
    session.close();
    session.room.tell({ type: "leave", user: session.name });
    this.#changed = true;
  }

  /** Ends the sessions of those who are gone, and tells everybody how full the rooms are; never returns. */
  async lookAfter(): Promise<never> {
    for (;;) {
      await sleep(INTERVAL);
      const now = getHub().clock.now();
      for (const session of this.#sessions.values()) {
        if (session.leaveAt <= now) this.leave(session);
      }
      if (!this.#changed) continue;
      this.#changed = false;
      this.#tellAll({ type: "rooms", rooms: this.list() });
    }
  }

  /** Says goodbye to everybody; nothing is delivered after that. */
  close(): void {
    this.#tellAll({ type: "bye" });
    for (const session of this.#sessions.values()) session.close();
  }

  #tellAll(event: ChatEvent): void {
    for (const session of this.#sessions.values()) session.tell(event);
  }
}
