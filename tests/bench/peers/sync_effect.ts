/** The workloads of `sync/` on Effect. */

import { Deferred, Effect, Fiber, Latch, Queue, Semaphore } from "effect";
import { range, shuffled } from "./contestant.ts";
import { PERMITS, QUEUE_SIZE, RIVALS, type SyncContestant } from "./sync_contestant.ts";

const effect: SyncContestant = {
  async event(operations) {
    const there = Latch.makeUnsafe();
    const back = Latch.makeUnsafe();
    const rounds = operations / 2;
    let done = 0;
    const ping = Effect.gen(function* () {
      for (let i = 0; i < rounds; i++, done++) {
        there.openUnsafe();
        yield* back.await;
        back.closeUnsafe();
      }
    });
    const pong = Effect.gen(function* () {
      for (let i = 0; i < rounds; i++, done++) {
        yield* there.await;
        there.closeUnsafe();
        back.openUnsafe();
      }
    });
    await sideBySide([ping, pong]);
    return done;
  },

  async eventWaiters(operations, watch) {
    const event = Latch.makeUnsafe();
    let done = 0;
    const wait = Effect.map(event.await, () => done++);
    await Effect.runPromise(Effect.gen(function* () {
      const all = [];
      for (let i = 0; i < operations; i++) all.push(yield* Effect.forkChild(wait));
      yield* Effect.yieldNow;
      watch.start();
      event.openUnsafe();
      yield* Fiber.joinAll(all);
    }));
    return done;
  },

  async asyncResult(operations) {
    const results = range(operations).map(() => Deferred.makeUnsafe<number>());
    let done = 0;
    const ping = Effect.gen(function* () {
      for (let i = 0; i < operations; i += 2) {
        yield* Deferred.succeed(results[i]!, i);
        if ((yield* Deferred.await(results[i + 1]!)) === i + 1) done++;
      }
    });
    const pong = Effect.gen(function* () {
      for (let i = 0; i < operations; i += 2) {
        if ((yield* Deferred.await(results[i]!)) === i) done++;
        yield* Deferred.succeed(results[i + 1]!, i + 1);
      }
    });
    await sideBySide([ping, pong]);
    return done;
  },

  semaphore: (operations) => takeTurns(PERMITS, 1, operations),

  semaphoreContended: (operations) => takeTurns(PERMITS, RIVALS, operations),

  lock: (operations) => takeTurns(1, 1, operations),

  lockContended: (operations) => takeTurns(1, RIVALS, operations),

  async unboundedQueue(operations) {
    let done = 0;
    await Effect.runPromise(Effect.gen(function* () {
      const queue = yield* Queue.unbounded<number>();
      for (let i = 0; i < operations; i++) yield* Queue.offer(queue, i);
      for (let i = 0; i < operations; i++) if ((yield* Queue.take(queue)) === i) done++;
    }));
    return done;
  },

  boundedQueue: (operations) => through(QUEUE_SIZE, operations),

  channel: (operations) => through(0, operations),
};

export default effect;

async function sideBySide(tasks: Effect.Effect<void>[]): Promise<void> {
  await Effect.runPromise(Effect.all(tasks, { concurrency: "unbounded", discard: true }));
}

async function takeTurns(permits: number, tasks: number, operations: number): Promise<number> {
  const semaphore = Semaphore.makeUnsafe(permits);
  let done = 0;
  const work = Effect.gen(function* () {
    for (let i = 0; i < operations / tasks; i++) {
      yield* semaphore.take(1);
      done++;
      if (tasks > 1) yield* Effect.yieldNow;
      yield* semaphore.release(1);
    }
  });
  await sideBySide(range(tasks).map(() => work));
  return done;
}

async function through(capacity: number, operations: number): Promise<number> {
  let done = 0;
  let missing = 0;
  await Effect.runPromise(Effect.gen(function* () {
    const queue = yield* Queue.bounded<number>(capacity);
    const produce = Effect.gen(function* () {
      for (let i = 0; i < operations; i++) {
        missing += shuffled(i);
        yield* Queue.offer(queue, shuffled(i));
      }
    });
    const consume = Effect.gen(function* () {
      for (; done < operations; done++) {
        const item = yield* Queue.take(queue);
        missing -= item;
      }
    });
    yield* Effect.all([produce, consume], { concurrency: 2 });
  }));
  return missing === 0 ? done : NaN;
}
