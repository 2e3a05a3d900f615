/**
 * One person in one room, and what is on its way there.
 *
 * @module
 */

import { Empty, getCurrent, getHub, type Greenlet, GreenletExit, Queue } from "../../mod.ts";
import type { WaitOptions } from "../../mod.ts";
import { MAX_WAITING, PAGE } from "./limits.ts";
import type { Room, RoomInfo } from "./rooms.ts";
import type { Message } from "./store.ts";

/** What clients are told. */
export type ChatEvent =
  | Message
  | { readonly type: "join" | "leave"; readonly user: string }
  | { readonly type: "rooms"; readonly rooms: readonly RoomInfo[] }
  | {
    readonly type: "here";
    readonly users: readonly string[];
    readonly rooms: readonly RoomInfo[];
  }
  | { readonly type: "reset" | "bye" };

/** How much a client has seen. */
export interface Position {
  /** Events of its session; -1 when it needs to catch up. */
  readonly seen: number;
  /** The id of the last message; -1 for none. */
  readonly after: number;
}

/** Some events, and what the client will have seen with them. */
export interface Delivery extends Position {
  readonly events: readonly ChatEvent[];
}

/** Ends the greenlet that has served a session until now. */
export class TakenOver extends GreenletExit {}

/**
 * What is on its way to one client: a queue of bounded length.
 *
 * Nobody ever waits for room in it. When it is full, all that is in it is dropped, and the client catches up from the
 * database. It needs no mark for that: client and session count events, so that it shows whenever the client has not seen
 * what it should have seen, be it that events were dropped, that the answer of a poll got lost, or that somebody else
 * took them in its name.
 */
export class Session {
  readonly token: string = crypto.randomUUID();
  readonly name: string;
  readonly room: Room;
  /** When the session is given up, by the clock of the hub. */
  leaveAt: number;
  readonly #grace: number;
  readonly #waiting = new Queue<ChatEvent>({ maxsize: MAX_WAITING });
  #told = 0;
  #transport: Greenlet | undefined;

  /** Begins with nobody to serve it; is given up after `grace` ms without. */
  constructor(name: string, room: Room, grace: number) {
    this.name = name;
    this.room = room;
    this.#grace = grace;
    this.leaveAt = now() + grace;
  }

  /** Puts an event on its way; never waits. */
  tell(event: ChatEvent): void {
    if (this.#waiting.isShutdown) return;
    if (this.#waiting.full) this.#drop();
    this.#waiting.putNowait(event);
    this.#told++;
  }

  /** Lets nothing more in; `next` throws `ShutDown` when all is delivered. */
  close(): void {
    this.#waiting.shutdown();
  }

  /** What a client gets next who has seen this much; waits for it. No events when the wait is over without any. */
  async next(at: Position, options?: WaitOptions): Promise<Delivery> {
    if (at.seen !== this.#taken && !this.#waiting.isShutdown) return this.catchUp(at.after);
    const events: ChatEvent[] = [];
    try {
      events.push(await this.#waiting.get(options));
      while (!this.#waiting.empty && events.length < PAGE) events.push(this.#waiting.getNowait());
    } catch (error) {
      if (!(error instanceof Empty)) throw error;
    }
    const seen = at.seen + events.length;
    // While it was being woken, so much may have come that some of it was dropped.
    if (seen !== this.#taken && !this.#waiting.isShutdown) return this.catchUp(at.after);
    return { seen, after: lastId(events) ?? at.after, events };
  }

  /** The messages after one, or the last ones, page by page; with the last page, who is here. */
  catchUp(after: number): Delivery {
    const { room } = this;
    const missed = after < 0 ? undefined : room.newer(after);
    const messages = missed ?? room.latest();
    const events: ChatEvent[] = missed === undefined ? [{ type: "reset" }, ...messages] : messages;
    const last = lastId(messages) ?? Math.max(after, 0);
    if (missed?.length === PAGE) return { seen: -1, after: last, events };
    this.#drop(); // it is all in here
    return { seen: this.#taken, after: last, events: [...events, room.here()] };
  }

  /** Makes the current greenlet the one that serves this client, until disposed of; whoever did so before is ended. */
  attach(): Disposable {
    this.#transport?.throw(new TakenOver());
    const transport = this.#transport = getCurrent();
    this.leaveAt = Infinity;
    return {
      [Symbol.dispose]: () => {
        if (this.#transport !== transport) return;
        this.#transport = undefined;
        this.leaveSoon(this.#grace);
      },
    };
  }

  /** Has it given up in `ms` milliseconds unless the client comes back. */
  leaveSoon(ms: number): void {
    this.leaveAt = Math.min(this.leaveAt, now() + ms);
  }

  /** How many events have been taken out, or dropped. */
  get #taken(): number {
    return this.#told - this.#waiting.qsize;
  }

  #drop(): void {
    while (!this.#waiting.empty) this.#waiting.getNowait();
  }
}

function lastId(events: readonly ChatEvent[]): number | undefined {
  return events.findLast((event): event is Message => event.type === "message")?.id;
}

function now(): number {
  return getHub().clock.now();
}
