import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Greenlet } from "../../core/greenlet.ts";
import { Pool } from "../../core/pool.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { ModelOperations, Operations, patience, programs } from "../helpers/operations.ts";
import { turns } from "../helpers/virtual_test.ts";

/** What a pool does, without any waiting; members are numbers. */
class Model extends ModelOperations {
  readonly members: number[] = [];
  readonly adders = this.line<number>();
  readonly watchers = this.line<null>();
  /** Calls that were given a slot and have not come in yet. */
  #given: { id: number; member: number }[] = [];
  readonly size: number;

  constructor(size: number) {
    super();
    this.size = size;
  }

  get free(): number {
    return this.size - this.members.length - this.#given.length;
  }

  add(member: number, ms: number): void {
    const id = this.begin();
    if (this.members.includes(member)) {
      this.outcomes[id] = "undefined";
    } else if (this.free > 0) {
      this.members.push(member);
      this.outcomes[id] = "undefined";
    } else this.wait(this.adders, id, ms, "PoolFull", member);
  }

  watch(ms: number): void {
    const id = this.begin();
    if (this.free > 0) this.outcomes[id] = String(this.free);
    else this.wait(this.watchers, id, ms, "0", null);
  }

  discard(member: number): void {
    const at = this.members.indexOf(member);
    if (at === -1) return;
    this.members.splice(at, 1);
    this.#released();
  }

  /** Everybody who was woken gets a turn. */
  settle(): void {
    for (let one = this.#given.shift(); one !== undefined; one = this.#given.shift()) {
      this.outcomes[one.id] = "undefined";
      if (this.members.includes(one.member)) this.#released();
      else this.members.push(one.member);
    }
  }

  #released(): void {
    const adder = this.adders.shift();
    if (adder !== undefined) this.#given.push({ id: adder.id, member: adder.data });
    else {
      for (const watcher of this.watchers.splice(0)) this.outcomes[watcher.id] = String(this.free);
    }
  }
}

const command = fc.record({
  kind: fc.constantFrom(
    "add",
    "add",
    "add",
    "waitAvailable",
    "discard",
    "discard",
    "end",
    "abort",
    "advance",
  ),
  n: fc.nat(50),
  ms: patience,
});

Deno.test("Pool behaves like its model when random programs add, end, time out and abort", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(3), programs(command), async (size, program) => {
      await runVirtual(async () => {
        const pool = new Pool(size);
        const real = new Operations();
        const model = new Model(size);
        // Few greenlets, so that the same one is often added twice.
        const greenlets = Array.from({ length: 8 }, () => new Greenlet());
        const settle = async (): Promise<void> => {
          await turns(12);
          model.settle();
        };
        for (const batch of program) {
          for (const { kind, n, ms } of batch) {
            const which = n % greenlets.length;
            const greenlet = greenlets[which]!;
            if (kind === "add") {
              real.begin((signal) => pool.add(greenlet, { timeout: ms, signal }));
              model.add(which, ms);
            } else if (kind === "waitAvailable") {
              real.begin((signal) => pool.waitAvailable({ timeout: ms, signal }));
              model.watch(ms);
            } else if (kind === "discard") {
              pool.discard(greenlet);
              model.discard(which);
            } else if (kind === "end") {
              await settle();
              // One that still waits to come in again would do so dead.
              if (model.adders.some((adder) => adder.data === which)) continue;
              greenlet.throw();
              model.discard(which);
              await settle();
              greenlets[which] = new Greenlet();
            } else if (kind === "abort") {
              real.abort(n);
              model.abort(n);
            } else {
              await settle();
              await sleep(n + 1);
              model.advance(n + 1);
            }
            assertEquals(pool.freeCount, Math.max(model.free, 0));
          }
          await settle();
          assertEquals(real.outcomes, model.outcomes);
          assertEquals([...pool], model.members.map((which) => greenlets[which]!));
        }
        await sleep(20);
        model.advance(20);
        assertEquals(hub.timers.size, 0);
        for (let n = 0; n < model.outcomes.length; n++) {
          real.abort(n);
          model.abort(n);
        }
        await settle();
        assertEquals(real.outcomes, model.outcomes);
        for (const member of pool) pool.discard(member);
        assertEquals([pool.freeCount, pool.size], [size, 0]);
      });
    }),
    { numRuns: 400 },
  );
});
