/** The workloads of the core on Effect: fibers with interruption, queues and structured concurrency. */

import { Context, Deferred, Effect, Fiber, Queue, Stream } from "effect";
import { range } from "./contestant.ts";
import { type CoreContestant, GROUP_SIZE, LIMIT, POOL_SIZE } from "./core_contestant.ts";

class Own extends Context.Service<Own, { n: number }>()("Own") {}

const echo = (n: number): Effect.Effect<number> => Effect.as(Effect.yieldNow, n);

const effect: CoreContestant = {
  async switch(operations) {
    let done = 0;
    const giveWay = Effect.gen(function* () {
      for (let i = 0; i < operations / 2; i++) {
        yield* Effect.yieldNow;
        done++;
      }
    });
    await Effect.runPromise(Effect.all([giveWay, giveWay], { concurrency: 2 }));
    return done;
  },

  spawn: (operations) => forkAll(operations, (n) => Effect.sync(() => n)),

  spawnWaiting: (operations) => forkAll(operations, echo),

  async queue(operations) {
    let done = 0;
    await Effect.runPromise(Effect.gen(function* () {
      const there = yield* Queue.unbounded<number>();
      const back = yield* Queue.unbounded<number>();
      const rounds = operations / 2;
      const ping = Effect.gen(function* () {
        for (let i = 0; i < rounds; i++) {
          yield* Queue.offer(there, i);
          if ((yield* Queue.take(back)) === i) done++;
        }
      });
      const pong = Effect.gen(function* () {
        for (let i = 0; i < rounds; i++, done++) yield* Queue.offer(back, yield* Queue.take(there));
      });
      yield* Effect.all([ping, pong], { concurrency: 2 });
    }));
    return done;
  },

  async withTimeout(operations) {
    let done = 0;
    await Effect.runPromise(Effect.gen(function* () {
      for (let i = 0; i < operations; i++) {
        if ((yield* Effect.timeout(echo(i), LIMIT)) === i) done++;
      }
    }));
    return done;
  },

  local(operations) {
    const count = Effect.gen(function* () {
      for (let i = 0; i < operations; i++) (yield* Own).n++;
      return (yield* Own).n;
    });
    return Effect.runPromise(Effect.provideService(count, Own, { n: 0 }));
  },

  async localTasks(operations) {
    let done = 0;
    const work = Effect.fnUntraced(function* (n: number) {
      yield* Effect.yieldNow;
      if ((yield* Own).n === n) done++;
    });
    await forkAll(operations, (n) => Effect.provideService(work(n), Own, { n }));
    return done;
  },

  async poolMap(operations) {
    const results = await Effect.runPromise(
      Effect.forEach(range(operations), echo, { concurrency: POOL_SIZE }),
    );
    return results.filter((result, n) => result === n).length;
  },

  poolImap: (operations) => runStream(operations, false),

  poolImapUnordered: (operations) => runStream(operations, true),

  async taskGroup(operations) {
    let done = 0;
    const work = Effect.gen(function* () {
      yield* Effect.yieldNow;
      done++;
    });
    const group = Array.from({ length: GROUP_SIZE }, () => work);
    await Effect.runPromise(Effect.gen(function* () {
      for (let i = 0; i < operations / GROUP_SIZE; i++) {
        yield* Effect.all(group, { concurrency: "unbounded", discard: true });
      }
    }));
    return done;
  },

  async park(tasks) {
    const event = Effect.runSync(Deferred.make<void>());
    const all = Array.from({ length: tasks }, () => Effect.runFork(Deferred.await(event)));
    await new Promise((resolve) => setTimeout(resolve));
    return async () => {
      Effect.runSync(Deferred.succeed(event, undefined));
      await Effect.runPromise(Fiber.joinAll(all));
    };
  },
};

export default effect;

async function forkAll(
  operations: number,
  work: (n: number) => Effect.Effect<unknown>,
): Promise<number> {
  const results = await Effect.runPromise(Effect.gen(function* () {
    const all = [];
    for (let i = 0; i < operations; i++) all.push(yield* Effect.forkChild(work(i)));
    return yield* Fiber.joinAll(all);
  }));
  return results.filter((result, n) => result === n).length;
}

async function runStream(operations: number, unordered: boolean): Promise<number> {
  let done = 0;
  const results = Stream.fromIterable(range(operations)).pipe(
    Stream.mapEffect(echo, { concurrency: POOL_SIZE, unordered }),
  );
  const read = (n: number): Effect.Effect<void> =>
    Effect.sync(() => {
      if (unordered ? n < operations : n === done) done++;
    });
  await Effect.runPromise(Stream.runForEach(results, read));
  return done;
}
