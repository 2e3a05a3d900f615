import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { Queue } from "../../sync/queue.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { ModelOperations, Operations, patience, programs } from "../helpers/operations.ts";
import { turns } from "../helpers/virtual_test.ts";

/** What a queue does, without any waiting. */
class Model extends ModelOperations {
  readonly items: number[] = [];
  readonly getters = this.line<null>();
  readonly peekers = this.line<null>();
  readonly putters = this.line<number>();
  readonly joiners = this.line<null>();
  maxsize: number;
  unfinished = 0;
  shut = false;

  constructor(maxsize: number) {
    super();
    this.maxsize = maxsize;
  }

  put(item: number, ms: number): void {
    const id = this.begin();
    if (this.shut) this.outcomes[id] = "ShutDown";
    else if (this.items.length < this.maxsize) {
      this.outcomes[id] = "undefined";
      this.#accept(item);
    } else this.wait(this.putters, id, ms, "Full", item);
  }

  get(ms: number): void {
    const id = this.begin();
    if (this.items.length > 0) this.outcomes[id] = String(this.takeNowait());
    else if (this.shut) this.outcomes[id] = "ShutDown";
    else this.wait(this.getters, id, ms, "Empty", null);
  }

  peek(ms: number): void {
    const id = this.begin();
    if (this.items.length > 0) this.outcomes[id] = String(this.items[0]);
    else if (this.shut) this.outcomes[id] = "ShutDown";
    else this.wait(this.peekers, id, ms, "Empty", null);
  }

  join(ms: number): void {
    const id = this.begin();
    if (this.unfinished === 0) this.outcomes[id] = "true";
    else this.wait(this.joiners, id, ms, "false", null);
  }

  putNowait(item: number): string {
    if (this.shut) return "ShutDown";
    if (this.items.length >= this.maxsize) return "Full";
    this.#accept(item);
    return "undefined";
  }

  getNowait(): string {
    if (this.items.length > 0) return String(this.takeNowait());
    return this.shut ? "ShutDown" : "Empty";
  }

  takeNowait(): number {
    const item = this.items.shift()!;
    this.#moveIn();
    return item;
  }

  limit(maxsize: number): void {
    this.maxsize = maxsize;
    this.#moveIn();
  }

  #moveIn(): void {
    while (this.items.length < this.maxsize && this.putters.length > 0) {
      const putter = this.putters.shift()!;
      this.outcomes[putter.id] = "undefined";
      this.#accept(putter.data);
    }
  }

  taskDone(): string {
    if (this.unfinished === 0) return "RangeError";
    if (--this.unfinished === 0) {
      for (const joiner of this.joiners.splice(0)) this.outcomes[joiner.id] = "true";
    }
    return "undefined";
  }

  shutdown(immediate: boolean): void {
    this.shut = true;
    for (const line of [this.putters, this.getters, this.peekers]) {
      for (const wait of line.splice(0)) this.outcomes[wait.id] = "ShutDown";
    }
    if (immediate) {
      for (const _ of this.items.splice(0)) this.taskDone();
    }
  }

  #accept(item: number): void {
    this.unfinished++;
    this.items.push(item);
    for (const peeker of this.peekers.splice(0)) this.outcomes[peeker.id] = String(this.items[0]);
    const getter = this.getters.shift();
    if (getter !== undefined) this.outcomes[getter.id] = String(this.items.shift());
  }
}

function nameOf(call: () => unknown): string {
  try {
    return String(call());
  } catch (error) {
    return (error as Error).name;
  }
}

const KINDS = [
  "put",
  "put",
  "put",
  "get",
  "get",
  "get",
  "peek",
  "join",
  "putNowait",
  "getNowait",
  "taskDone",
  "abort",
  "abort",
  "advance",
  "limit",
] as const;

const command = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({ kind: fc.constantFrom(...KINDS), n: fc.nat(50), ms: patience }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("shutdown" as const, "shutdownImmediately" as const),
      n: fc.constant(0),
      ms: fc.constant(0),
    }),
  },
);

Deno.test("Queue behaves like its model when random programs put, get, limit, time out, abort and shut down", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 3 }),
      programs(command),
      async (maxsize, program) => {
        await runVirtual(async () => {
          const queue = new Queue<number>({ maxsize });
          const real = new Operations();
          const model = new Model(maxsize === 0 ? Infinity : maxsize);
          let item = 0;
          for (const batch of program) {
            for (const { kind, n, ms } of batch) {
              const options = { timeout: ms };
              if (kind === "put") {
                item++;
                real.begin((signal) => queue.put(item, { ...options, signal }));
                model.put(item, ms);
              } else if (kind === "get" || kind === "peek" || kind === "join") {
                real.begin((signal) => queue[kind]({ ...options, signal }));
                model[kind](ms);
              } else if (kind === "putNowait") {
                item++;
                assertEquals(nameOf(() => queue.putNowait(item)), model.putNowait(item));
              } else if (kind === "getNowait" || kind === "taskDone") {
                assertEquals(nameOf(() => queue[kind]()), model[kind]());
              } else if (kind === "limit") {
                const limit = n % 5;
                queue.maxsize = limit;
                model.limit(limit === 0 ? Infinity : limit);
                assertEquals([queue.maxsize, queue.items], [model.maxsize, model.items]);
              } else if (kind === "abort") {
                real.abort(n);
                model.abort(n);
              } else if (kind === "advance") {
                await sleep(n + 1);
                model.advance(n + 1);
              } else {
                const immediate = kind === "shutdownImmediately";
                queue.shutdown({ immediate });
                model.shutdown(immediate);
              }
              assertEquals(queue.qsize, model.items.length);
              assertEquals(queue.unfinishedTasks, model.unfinished);
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
          assertEquals(hub.timers.size, 0);
          for (let n = 0; n < model.outcomes.length; n++) {
            real.abort(n);
            model.abort(n);
          }
          await turns(3);
          assertEquals(real.outcomes, model.outcomes);
          assertEquals(queue.waiting, { getters: 0, putters: 0 });
          assertEquals(Array.from({ length: queue.qsize }, () => queue.getNowait()), model.items);
        });
      },
    ),
    { numRuns: 500 },
  );
});
