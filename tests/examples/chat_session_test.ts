import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Rooms } from "../../examples/chat/rooms.ts";
import {
  type Delivery,
  type Position,
  type Session,
  TakenOver,
} from "../../examples/chat/session.ts";
import { Store } from "../../examples/chat/store.ts";
import { HttpError, ShutDown, sleep, spawn } from "../../mod.ts";
import { now, virtualTest } from "../helpers/virtual_test.ts";

const GRACE = 15_000;

/** A room with somebody in it, and what they have got to read. */
class Reader {
  readonly session: Session;
  at: Position = { seen: -1, after: -1 };
  ids: number[] = [];
  resets = 0;
  users: readonly string[] = [];
  #said = 0;

  constructor(rooms: Rooms, name: string) {
    this.session = rooms.join(name, "lobby", undefined);
    this.take(this.session.catchUp(-1));
  }

  take(delivery: Delivery): void {
    this.at = delivery;
    for (const event of delivery.events) {
      if (event.type === "reset") this.resets++;
      if (event.type === "reset") this.ids = [];
      if (event.type === "message") this.ids.push(event.id);
      if (event.type === "here") this.users = event.users;
    }
  }

  /** Has others say something. */
  hear(count: number): void {
    for (let n = 0; n < count; n++) this.session.room.say("others", `key-${this.#said++}`, "hello");
  }

  /** What a poll does, without waiting long. */
  async next(timeout: number | null = 0): Promise<Delivery> {
    using _ = this.session.attach();
    return await this.session.next(this.at, { timeout });
  }

  async readAll(): Promise<void> {
    for (;;) {
      const delivery = await this.next();
      this.take(delivery);
      if (delivery.events.length === 0) return;
    }
  }

  get expected(): number[] {
    return Array.from({ length: this.#said }, (_, i) => i + 1);
  }
}

function withRooms(fn: (rooms: Rooms) => Promise<void>): () => Promise<void> {
  return async () => {
    using store = new Store();
    await fn(new Rooms(store, GRACE));
  };
}

/** What may happen to a delivery, and between two of them. */
const STEPS: Record<string, (reader: Reader, count: number) => Promise<void>> = {
  async poll(reader) {
    reader.take(await reader.next());
  },
  async "poll in vain"(reader) {
    await reader.next();
  },
  async "poll, be told while being woken"(reader, count) {
    const polling = spawn(() => reader.next(1000));
    await sleep();
    reader.hear(count);
    reader.take(await polling.get());
  },
  async "poll, be overtaken while waiting or being woken"(reader, count) {
    const polling = spawn(() => reader.next(1000));
    await sleep();
    reader.hear(count % 3);
    reader.take(await reader.next());
    await assertRejects(() => polling.get().then((value) => Promise.reject(value)));
  },
  join(reader) {
    reader.take(reader.session.catchUp(reader.at.after));
    return Promise.resolve();
  },
  hear(reader, count) {
    reader.hear(count);
    return Promise.resolve();
  },
};

virtualTest("Session delivers each message once and in order, whatever gets lost", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          step: fc.constantFrom(...Object.keys(STEPS)),
          count: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 130 })),
        }),
        { maxLength: 20 },
      ),
      async (steps) => {
        using store = new Store();
        const reader = new Reader(new Rooms(store, GRACE), "ann");
        let total = 0;
        for (const { step, count } of steps) {
          total += count;
          if (total > 900) break; // a room does not keep more
          await STEPS[step]!(reader, count);
        }
        await reader.readAll();
        assertEquals(reader.ids, reader.expected);
        assertEquals(reader.resets, 1);
      },
    ),
    { numRuns: 200 },
  );
});

virtualTest(
  "Session.tell() keeps a bounded number of events for a client that takes none",
  withRooms(async (rooms) => {
    const ann = new Reader(rooms, "ann");
    for (let n = 0; n < 3000; n++) ann.session.tell({ type: "join", user: `user ${n}` });
    let events = 0;
    let delivery = await ann.next();
    while (delivery.events.length > 0) {
      events += delivery.events.length;
      ann.take(delivery);
      delivery = await ann.next();
    }
    assert(events <= 101, `${events} events were kept`);
    assertEquals(ann.users, ["ann"], "it has caught up");
  }),
);

virtualTest(
  "Session.next() delivers pages, and no more at once",
  withRooms(async (rooms) => {
    const ann = new Reader(rooms, "ann");
    ann.hear(60);
    const sizes: number[] = [];
    for (let n = 0; n < 3; n++) {
      const delivery = await ann.next();
      sizes.push(delivery.events.length);
      ann.take(delivery);
    }
    assertEquals(sizes, [25, 25, 10]);
    ann.hear(300);
    const missed = await ann.next();
    assertEquals([missed.events.length, missed.seen], [25, -1]);
    ann.take(missed);
    await ann.readAll();
    assertEquals(ann.ids, ann.expected);
  }),
);

virtualTest(
  "Session.next() does not wait when something got lost",
  withRooms(async (rooms) => {
    const ann = new Reader(rooms, "ann");
    ann.hear(1);
    await ann.next();
    const before = now();
    ann.take(await ann.next(60_000));
    assertEquals([now() - before, ann.ids], [0, [1]]);
  }),
);

virtualTest(
  "Session.attach() ends whoever served the client before",
  withRooms(async (rooms) => {
    const ann = new Reader(rooms, "ann");
    const first = spawn(() => ann.next(null));
    await sleep();
    const second = spawn(() => ann.next(null));
    await first.join();
    assert(first.value instanceof TakenOver);
    ann.hear(1);
    assertEquals((await second.get()).events.length, 1);
  }),
);

virtualTest(
  "Session.close() ends the deliveries after the last event",
  withRooms(async (rooms) => {
    const ann = new Reader(rooms, "ann");
    ann.hear(1);
    rooms.close();
    ann.hear(1);
    const { events } = await ann.next();
    assertEquals(events.map((event) => event.type), ["message", "bye"]);
    await assertRejects(() => ann.next(), ShutDown);
  }),
);

virtualTest(
  "Rooms.lookAfter() ends the sessions of those who are gone, and of nobody else",
  withRooms(async (rooms) => {
    await using _ = spawn(() => rooms.lookAfter());
    const ann = new Reader(rooms, "ann");
    const ben = new Reader(rooms, "ben");
    const polling = spawn(async () => {
      for (;;) ben.take(await ben.next(null));
    });
    const isHere = ({ session }: Reader): boolean => session.room.members.has(session);
    await sleep(GRACE - 1000);
    assertEquals([isHere(ann), isHere(ben)], [true, true]);
    await sleep(2000);
    assertEquals([isHere(ann), isHere(ben)], [false, true], "ann has never come");
    assertThrows(() => rooms.session(ann.session.token), HttpError);
    await polling.kill();
    await sleep(GRACE - 1000);
    await ben.readAll();
    await sleep(GRACE - 1000);
    assert(isHere(ben), "he has come back in time");
    await sleep(2000);
    assert(!isHere(ben), "ben polls no more");
  }),
);

virtualTest(
  "Rooms.lookAfter() tells everybody how full the rooms are, once for many changes",
  withRooms(async (rooms) => {
    await using _ = spawn(() => rooms.lookAfter());
    const ann = new Reader(rooms, "ann");
    for (let n = 0; n < 10; n++) rooms.join(`user ${n}`, "deno", undefined);
    await sleep(5000);
    const { events } = await ann.next();
    assertEquals(events, [{
      type: "rooms",
      rooms: [{ name: "lobby", users: 1 }, { name: "deno", users: 10 }],
    }]);
  }),
);

virtualTest(
  "Rooms.join() refuses the 5001st",
  withRooms(async (rooms) => {
    for (let n = 0; n < 5000; n++) rooms.join(`user ${n}`, "deno", undefined);
    const error = assertThrows(() => rooms.join("ann", "lobby", undefined), HttpError);
    assertEquals(error.status, 503);
    await sleep();
  }),
);
