/** The workloads on Effect: fibers with interruption, queues and structured concurrency. */

import { Deferred, Effect, Fiber, Queue } from "effect";
import type { Contestant } from "./core_contestant.ts";

const effect: Contestant = {
  async switch(operations) {
    const giveWay = Effect.gen(function* () {
      for (let i = 0; i < operations / 2; i++) yield* Effect.yieldNow;
    });
    await Effect.runPromise(Effect.all([giveWay, giveWay], { concurrency: 2 }));
  },

  async spawn(operations) {
    await Effect.runPromise(Effect.gen(function* () {
      const all = [];
      for (let i = 0; i < operations; i++) all.push(yield* Effect.forkChild(Effect.sync(() => i)));
      yield* Fiber.joinAll(all);
    }));
  },

  async spawnWaiting(operations) {
    await Effect.runPromise(Effect.gen(function* () {
      const all = [];
      for (let i = 0; i < operations; i++) all.push(yield* Effect.forkChild(Effect.yieldNow));
      yield* Fiber.joinAll(all);
    }));
  },

  async queue(operations) {
    await Effect.runPromise(Effect.gen(function* () {
      const there = yield* Queue.unbounded<number>();
      const back = yield* Queue.unbounded<number>();
      const rounds = operations / 2;
      const ping = Effect.gen(function* () {
        for (let i = 0; i < rounds; i++) {
          yield* Queue.offer(there, i);
          yield* Queue.take(back);
        }
      });
      const pong = Effect.gen(function* () {
        for (let i = 0; i < rounds; i++) yield* Queue.offer(back, yield* Queue.take(there));
      });
      yield* Effect.all([ping, pong], { concurrency: 2 });
    }));
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
