import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { ModelOperations, Operations, patience, programs } from "../helpers/operations.ts";
import { turns } from "../helpers/virtual_test.ts";

/** What a semaphore does, without any waiting. */
class Model extends ModelOperations {
  readonly acquirers = this.line<null>();
  readonly watchers = this.line<null>();
  counter: number;

  constructor(value: number) {
    super();
    this.counter = value;
  }

  acquire(ms: number, expired: string): void {
    const id = this.begin();
    if (this.counter > 0) {
      this.counter--;
      this.outcomes[id] = "true";
    } else this.wait(this.acquirers, id, ms, expired, null);
  }

  watch(ms: number): void {
    const id = this.begin();
    if (this.counter > 0) this.outcomes[id] = String(this.counter);
    else this.wait(this.watchers, id, ms, "0", null);
  }

  release(): number {
    const acquirer = this.acquirers.shift();
    if (acquirer === undefined) {
      this.counter++;
      for (const watcher of this.watchers.splice(0)) {
        this.outcomes[watcher.id] = String(this.counter);
      }
    } else {
      this.outcomes[acquirer.id] = "true";
    }
    return this.counter;
  }
}

const command = fc.record({
  kind: fc.constantFrom(
    "acquire",
    "acquire",
    "hold",
    "wait",
    "release",
    "release",
    "abort",
    "advance",
  ),
  n: fc.nat(50),
  ms: patience,
});

Deno.test("Semaphore behaves like its model when random programs acquire, release, time out and abort", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(2), programs(command), async (value, program) => {
      await runVirtual(async () => {
        const semaphore = new Semaphore(value);
        const real = new Operations();
        const model = new Model(value);
        for (const batch of program) {
          for (const { kind, n, ms } of batch) {
            if (kind === "acquire") {
              real.begin((signal) => semaphore.acquire({ timeout: ms, signal }));
              model.acquire(ms, "false");
            } else if (kind === "hold") {
              real.begin((signal) => semaphore.hold({ timeout: ms, signal }).then(() => true));
              model.acquire(ms, "Timeout");
            } else if (kind === "wait") {
              real.begin((signal) => semaphore.wait({ timeout: ms, signal }));
              model.watch(ms);
            } else if (kind === "release") {
              assertEquals(semaphore.release(), model.release());
            } else if (kind === "abort") {
              real.abort(n);
              model.abort(n);
            } else {
              await sleep(n + 1);
              model.advance(n + 1);
            }
            assertEquals(
              String(semaphore),
              `<Semaphore counter=${model.counter} waiting=${model.acquirers.length}>`,
            );
          }
          await turns(3);
          assertEquals(real.outcomes, model.outcomes);
        }
        await sleep(20);
        model.advance(20);
        assertEquals(hub.timers.size, 0);
        while (model.acquirers.length > 0) assertEquals(semaphore.release(), model.release());
        assertEquals(semaphore.release(), model.release());
        await turns(3);
        assertEquals(real.outcomes, model.outcomes);
      });
    }),
    { numRuns: 500 },
  );
});
