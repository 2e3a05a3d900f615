/**
 * The calls of sync/ that wait, as the contract sees them.
 *
 * @module
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { Empty, Full } from "../../core/errors.ts";
import { spawn } from "../../core/spawn.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { Channel } from "../../sync/channel.ts";
import { Event } from "../../sync/event.ts";
import { Lock } from "../../sync/lock.ts";
import { LifoQueue } from "../../sync/lifo_queue.ts";
import { PriorityQueue } from "../../sync/priority_queue.ts";
import { Queue } from "../../sync/queue.ts";
import { RLock } from "../../sync/rlock.ts";
import { type QueueOptions, SimpleQueue } from "../../sync/simple_queue.ts";
import { BoundedSemaphore, Semaphore } from "../../sync/semaphore.ts";
import { turns } from "../helpers/virtual_test.ts";
import type { Fixture, Primitive } from "./blocking_contract.ts";

/** `acquire` and `hold`, which is never given back here, of whatever has permits. */
function permitPrimitives(kind: string, make: () => Semaphore): Primitive[] {
  const taken = (): { semaphore: Semaphore; rest: Pick<Fixture, "wake" | "untouched"> } => {
    const semaphore = make();
    void semaphore.acquire();
    return {
      semaphore,
      rest: {
        wake: () => void semaphore.release(),
        untouched(): void {
          assertEquals(semaphore.counter, 0);
          assertEquals(String(semaphore), `<${kind} counter=0 waiting=0>`);
        },
      },
    };
  };
  return [
    {
      name: `${kind}.acquire()`,
      waitsFor: "Semaphore.acquire",
      make() {
        const { semaphore, rest } = taken();
        return {
          ...rest,
          call: (options) => semaphore.acquire(options),
          value: true,
          expired: { value: false },
        };
      },
    },
    {
      name: `${kind}.hold()`,
      waitsFor: "Semaphore.hold",
      make() {
        const { semaphore, rest } = taken();
        return {
          ...rest,
          async call(options) {
            return Symbol.dispose in await semaphore.hold(options);
          },
          value: true,
          expired: "timeout",
        };
      },
    },
  ];
}

/** `get`, `peek` and `put` of a kind of queue. */
function queuePrimitives(
  kind: string,
  make: (options?: QueueOptions<string>) => SimpleQueue<string>,
): Primitive[] {
  return [
    {
      name: `${kind}.get()`,
      waitsFor: "Queue.get",
      make() {
        const queue = make();
        return {
          call: (options) => queue.get(options),
          value: "item",
          expired: { error: Empty },
          wake: () => queue.putNowait("item"),
          untouched: () => assertEquals(queue.waiting, { getters: 0, putters: 0 }),
        };
      },
    },
    {
      name: `${kind}.peek()`,
      waitsFor: "Queue.peek",
      make() {
        const queue = make();
        return {
          call: (options) => queue.peek(options),
          value: "item",
          expired: { error: Empty },
          wake: () => queue.putNowait("item"),
          untouched: () => assertEquals(queue.qsize, 0),
        };
      },
    },
    {
      name: `${kind}.put()`,
      waitsFor: "Queue.put",
      make() {
        const queue = make({ maxsize: 1, items: ["old"] });
        return {
          call: (options) => queue.put("new", options),
          value: undefined,
          expired: { error: Full },
          wake: () => void queue.getNowait(),
          untouched(): void {
            assertEquals(queue.waiting, { getters: 0, putters: 0 });
            assertEquals([queue.qsize, queue.peekNowait()], [1, "old"]);
            if (queue instanceof Queue) assertEquals(queue.unfinishedTasks, 1);
          },
        };
      },
    },
  ];
}

/** A lock that another greenlet holds until it is woken. */
function heldRLock(): { lock: RLock; rest: Omit<Fixture, "call" | "value"> } {
  const lock = new RLock();
  const over = new Event();
  let afterwards = (): void => {};
  spawn(async () => {
    using _ = await lock.hold();
    await over.wait();
    lock.release();
    afterwards();
    await lock.acquire(); // what the end of the block gives back
  });
  return {
    lock,
    rest: {
      wake: () => over.set(),
      wakeThen(action): void {
        afterwards = action;
        over.set();
      },
      untouched: () => assertEquals(lock.locked, true),
      cleanUp: () => over.set(),
    },
  };
}

/** See the module. */
export const SYNC_PRIMITIVES: readonly Primitive[] = [
  ...permitPrimitives("Semaphore", () => new Semaphore()),
  ...permitPrimitives("BoundedSemaphore", () => new BoundedSemaphore()),
  ...permitPrimitives("Lock", () => new Lock()),
  {
    name: "Semaphore.wait()",
    waitsFor: "Semaphore.wait",
    make() {
      const semaphore = new Semaphore(0);
      return {
        call: (options) => semaphore.wait(options),
        value: 1,
        expired: { value: 0 },
        wake: () => void semaphore.release(),
        untouched: () => assertEquals(semaphore.counter, 0),
      };
    },
  },
  {
    name: "Event.wait()",
    waitsFor: "Event.wait",
    make() {
      const event = new Event();
      return {
        call: (options) => event.wait(options),
        value: true,
        expired: { value: false },
        wake: () => event.set(),
        untouched: () => assertEquals(event.waiting, 0),
      };
    },
  },
  {
    name: "AsyncResult.get()",
    waitsFor: "AsyncResult.get",
    make() {
      const result = new AsyncResult<string>();
      return {
        call: (options) => result.get(options),
        value: "value",
        expired: "timeout",
        wake: () => result.set("value"),
        untouched: () => assertEquals(String(result), "<AsyncResult empty waiting=0>"),
      };
    },
  },
  {
    name: "AsyncResult.wait()",
    waitsFor: "AsyncResult.wait",
    make() {
      const result = new AsyncResult<string>();
      return {
        call: (options) => result.wait(options),
        value: "value",
        expired: { value: undefined },
        wake: () => result.set("value"),
        untouched: () => assertEquals(String(result), "<AsyncResult empty waiting=0>"),
      };
    },
    except: {
      "has one outcome when its timeout is due right before the wake-up":
        "it gives the value that is there when it goes on, whatever woke it",
    },
  },
  ...queuePrimitives("SimpleQueue", (options) => new SimpleQueue(options)),
  ...queuePrimitives("Queue", (options) => new Queue(options)),
  ...queuePrimitives("LifoQueue", (options) => new LifoQueue(options)),
  ...queuePrimitives("PriorityQueue", (options) => new PriorityQueue(options)),
  {
    name: "Queue.join()",
    waitsFor: "Queue.join",
    make() {
      const queue = new Queue<string>({ items: ["task"] });
      return {
        call: (options) => queue.join(options),
        value: true,
        expired: { value: false },
        wake(): void {
          if (queue.unfinishedTasks > 0) queue.taskDone();
        },
      };
    },
  },
  {
    name: "RLock.acquire()",
    waitsFor: "RLock.acquire",
    linked: true,
    async make() {
      const { lock, rest } = heldRLock();
      await turns();
      return {
        ...rest,
        async call(options) {
          const acquired = await lock.acquire(options);
          if (acquired) lock.release();
          return acquired;
        },
        value: true,
        expired: { value: false },
      };
    },
  },
  {
    name: "RLock.hold()",
    waitsFor: "RLock.hold",
    linked: true,
    async make() {
      const { lock, rest } = heldRLock();
      await turns();
      return {
        ...rest,
        async call(options) {
          using _ = await lock.hold(options);
          return lock.owned;
        },
        value: true,
        expired: "timeout",
      };
    },
  },
  {
    name: "Channel.get()",
    waitsFor: "Channel.get",
    make() {
      const channel = new Channel<string>();
      return {
        call: (options) => channel.get(options),
        value: "item",
        expired: { error: Empty },
        wake(): void {
          if (channel.balance < 0) channel.putNowait("item");
          else spawn(() => channel.put("item"));
        },
        untouched: () => assertEquals(channel.balance, 0),
      };
    },
  },
  {
    name: "Channel.put()",
    waitsFor: "Channel.put",
    make() {
      const channel = new Channel<string>();
      return {
        call: (options) => channel.put("item", options),
        value: undefined,
        expired: { error: Full },
        wake(): void {
          if (channel.balance > 0) assertStrictEquals(channel.getNowait(), "item");
          else spawn(() => channel.get());
        },
        untouched: () => assertEquals(channel.balance, 0),
      };
    },
  },
];
