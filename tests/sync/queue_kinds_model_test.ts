import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { LifoQueue } from "../../sync/lifo_queue.ts";
import { PriorityQueue } from "../../sync/priority_queue.ts";
import { type QueueOptions, SimpleQueue } from "../../sync/simple_queue.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { ModelOperations, Operations, patience, programs } from "../helpers/operations.ts";
import { turns } from "../helpers/virtual_test.ts";

/** An item is its priority, times this, and a number of its own. */
const PRIORITY = 1000;

const byPriority = (a: number, b: number): number =>
  Math.floor(a / PRIORITY) - Math.floor(b / PRIORITY);

interface Kind {
  make(options: QueueOptions<number>): SimpleQueue<number>;
  /** Puts an item into a list whose first item is the next one. */
  insert(items: number[], item: number): void;
}

const KINDS: Readonly<Record<string, Kind>> = {
  SimpleQueue: {
    make: (options) => new SimpleQueue(options),
    insert: (items, item) => void items.push(item),
  },
  LifoQueue: {
    make: (options) => new LifoQueue(options),
    insert: (items, item) => void items.unshift(item),
  },
  PriorityQueue: {
    make: (options) => new PriorityQueue({ ...options, compare: byPriority }),
    insert(items, item): void {
      const at = items.findIndex((other) => byPriority(item, other) < 0);
      items.splice(at === -1 ? items.length : at, 0, item);
    },
  },
};

/** What a queue does, without any waiting. */
class Model extends ModelOperations {
  readonly items: number[] = [];
  readonly getters = this.line<null>();
  readonly peekers = this.line<null>();
  readonly putters = this.line<number>();
  readonly #maxsize: number;
  readonly #kind: Kind;

  constructor(maxsize: number, kind: Kind) {
    super();
    this.#maxsize = maxsize;
    this.#kind = kind;
  }

  put(item: number, ms: number): void {
    const id = this.begin();
    if (this.items.length >= this.#maxsize) return this.wait(this.putters, id, ms, "Full", item);
    this.outcomes[id] = "undefined";
    this.#accept(item);
  }

  get(ms: number): void {
    const id = this.begin();
    if (this.items.length === 0) return this.wait(this.getters, id, ms, "Empty", null);
    this.outcomes[id] = String(this.#release());
  }

  peek(ms: number): void {
    const id = this.begin();
    if (this.items.length === 0) return this.wait(this.peekers, id, ms, "Empty", null);
    this.outcomes[id] = String(this.items[0]);
  }

  #release(): number {
    const item = this.items.shift()!;
    while (this.items.length < this.#maxsize && this.putters.length > 0) {
      const putter = this.putters.shift()!;
      this.outcomes[putter.id] = "undefined";
      this.#accept(putter.data);
    }
    return item;
  }

  #accept(item: number): void {
    this.#kind.insert(this.items, item);
    for (const peeker of this.peekers.splice(0)) this.outcomes[peeker.id] = String(this.items[0]);
    const getter = this.getters.shift();
    if (getter !== undefined) this.outcomes[getter.id] = String(this.items.shift());
  }
}

const command = fc.record({
  kind: fc.constantFrom("put", "put", "put", "get", "get", "peek", "abort", "advance"),
  n: fc.nat(20),
  ms: patience,
});

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`${name} behaves like its model when random programs put, get, peek, time out and abort`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        programs(command),
        async (maxsize, program) => {
          await runVirtual(async () => {
            const queue = kind.make({ maxsize });
            const real = new Operations();
            const model = new Model(maxsize === 0 ? Infinity : maxsize, kind);
            let serial = 0;
            for (const batch of program) {
              for (const { kind, n, ms } of batch) {
                if (kind === "put") {
                  const item = (n % 4) * PRIORITY + serial++;
                  real.begin((signal) => queue.put(item, { timeout: ms, signal }));
                  model.put(item, ms);
                } else if (kind === "get" || kind === "peek") {
                  real.begin((signal) => queue[kind]({ timeout: ms, signal }));
                  model[kind](ms);
                } else if (kind === "abort") {
                  real.abort(n);
                  model.abort(n);
                } else {
                  await sleep(n + 1);
                  model.advance(n + 1);
                }
                assertEquals(queue.qsize, model.items.length);
                assertEquals(queue.waiting, {
                  getters: model.getters.length,
                  putters: model.putters.length,
                });
              }
              await turns(3);
              assertEquals(real.outcomes, model.outcomes);
            }
            await sleep(20);
            model.advance(20);
            for (let n = 0; n < model.outcomes.length; n++) {
              real.abort(n);
              model.abort(n);
            }
            await turns(3);
            assertEquals(real.outcomes, model.outcomes);
            assertEquals(Array.from({ length: queue.qsize }, () => queue.getNowait()), model.items);
            assertEquals([queue.waiting, hub.timers.size], [{ getters: 0, putters: 0 }, 0]);
          });
        },
      ),
      { numRuns: 200 },
    );
  });
}

Deno.test("PriorityQueue loses nothing and keeps its order when comparing fails now and then", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ priority: fc.nat(5), get: fc.boolean() }), {
        maxLength: 80,
        size: "max",
      }),
      fc.infiniteStream(fc.integer({ min: 1, max: 12 })),
      (program, fuses) => {
        let fuse = Infinity;
        const queue = new PriorityQueue<number>({
          compare(a, b) {
            if (--fuse < 0) throw new Error("cannot compare");
            return byPriority(a, b);
          },
        });
        const expected: number[] = [];
        program.forEach(({ priority, get }, serial) => {
          fuse = fuses.next().value as number;
          const item = priority * PRIORITY + serial;
          try {
            if (get && expected.length > 0) {
              assertEquals(queue.getNowait(), expected[0]);
              expected.shift();
            } else {
              queue.putNowait(item);
              KINDS.PriorityQueue!.insert(expected, item);
            }
          } catch (error) {
            assertEquals((error as Error).message, "cannot compare");
          }
          assertEquals([queue.qsize, queue.unfinishedTasks >= queue.qsize], [
            expected.length,
            true,
          ]);
          if (expected.length > 0) assertEquals(queue.peekNowait(), expected[0]);
        });
        fuse = Infinity;
        assertEquals(Array.from({ length: queue.qsize }, () => queue.getNowait()), expected);
        assert(queue.empty);
      },
    ),
    { numRuns: 300 },
  );
});
