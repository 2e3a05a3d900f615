/**
 * The calls that wait and are made of others: of task groups, shields, raw greenlets, loops, actors and barriers, as
 * the contract sees them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Full } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { Loop } from "../../core/loop.ts";
import { RawGreenlet } from "../../core/raw_greenlet.ts";
import { shield } from "../../core/shield.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { Actor } from "../../sync/actor.ts";
import { Barrier, BrokenBarrierError } from "../../sync/barrier.ts";
import { Event } from "../../sync/event.ts";
import { except, type Primitive } from "./blocking_contract.ts";

const noOptions = except(
  "it takes no options",
  "gives up when its timeout comes before it is ready",
  "drops its timeout when it becomes ready before",
  "has one outcome when its timeout is due right after the wake-up",
  "has one outcome when its timeout is due right before the wake-up",
  "gives up when the Timeout given as its timeout expires",
  "gives up when a running Timeout given as its timeout expires",
  "cancels the Timeout given as its timeout when it becomes ready",
  "waits on when the Timeout given as its timeout is cancelled",
  "refuses a timeout that is not a number",
  "refuses options that are none, and a signal that is none",
  "raises the Timeout of another when that comes before its own",
  "raises the reason when its signal is aborted already",
  "takes nothing when its signal is aborted already",
  "raises the reason when its signal is aborted while it waits",
  "ignores its signal when that is aborted after the wake-up",
);

class Recipient extends Actor<string> {
  override receive(): void {}
}

/** See the module. */
export const STRUCTURED_PRIMITIVES: readonly Primitive[] = [
  {
    name: "TaskGroup.join()",
    waitsFor: "Group.join",
    linked: true,
    make() {
      const group = new TaskGroup();
      const done = new Event();
      const child = group.spawn(() => done.wait());
      return {
        call: (options) => group.join(options),
        value: undefined,
        expired: { value: undefined },
        wake: () => done.set(),
        wakeThen(action): void {
          child.rawlink(action);
          done.set();
        },
        untouched: () => assertEquals(group.size, 1),
        cleanUp: () => child.kill(),
      };
    },
  },
  {
    name: "RawGreenlet.switch()",
    waitsFor: "RawGreenlet.switch",
    linked: true,
    make() {
      const done = new Event();
      const inner: Greenlet[] = [];
      let afterwards = (): void => {};
      return {
        call() {
          const parent = RawGreenlet.getCurrent();
          return new RawGreenlet(async () => {
            inner.push(getCurrent());
            await done.wait();
            const back = parent.switch("value");
            afterwards();
            await back.catch(() => {});
          }).switch();
        },
        value: "value",
        wake: () => done.set(),
        wakeThen(action): void {
          afterwards = action;
          done.set();
        },
        async cleanUp() {
          for (const greenlet of inner) await greenlet.kill();
        },
      };
    },
    except: {
      ...noOptions,
      ...except(
        "in the hub it hands over without waiting",
        "throws BlockingSwitchOutError when called in a hub callback",
        "takes nothing when called in a hub callback",
      ),
      ...except(
        "a greenlet that has handed control over has none to hand over side by side with that",
        "causes no unhandled rejection when interrupted while nobody awaits it",
      ),
    },
  },
  {
    name: "shield()",
    waitsFor: "Event.wait",
    make() {
      const event = new Event();
      return {
        call: (options) => shield(() => event.wait(options)),
        value: true,
        expired: { value: false },
        wake: () => event.set(),
        untouched: () => assertEquals(event.waiting, 0),
      };
    },
    except: except(
      "interrupts from outside have to wait",
      "is named where blocked greenlets are listed",
      "gives up when a running Timeout given as its timeout expires",
      "raises the Timeout of a withTimeout() around it",
      "raises the Timeout of another when that comes before its own",
      "drops the Timeout of another when that is due right after the wake-up",
      "loses nothing when the Timeout of another is due right before the wake-up",
      "raises a kill when killed",
      "leaves the wake-up to the next when killed before it",
      "leaves the wake-up to later calls when killed before it",
      "raises an outstanding kill when it would wait",
      "raises an outstanding kill and takes nothing when it is ready",
      "causes no unhandled rejection when interrupted while nobody awaits it",
    ),
  },
  {
    name: "Loop.run()",
    waitsFor: "Loop.run",
    make() {
      const loop = new Loop();
      const watcher = loop.async();
      watcher.start(() => {});
      return {
        call: (options) => loop.run(options),
        value: true,
        expired: { value: false },
        wake: () => watcher.stop(),
        untouched: () => assertEquals(loop.activeCount, 1),
      };
    },
  },
  {
    name: "Actor.send()",
    waitsFor: "Queue.put",
    async make() {
      const actor = new Recipient({ inboxSize: 1 });
      await actor.send("old");
      return {
        call: (options) => actor.send("new", options),
        value: undefined,
        expired: { error: Full },
        wake: () => void actor.inbox.getNowait(),
        untouched(): void {
          assertEquals(actor.inbox.waiting.putters, 0);
          assertEquals([actor.inbox.qsize, actor.inbox.peekNowait()], [1, "old"]);
        },
        cleanUp: () => actor.throw(),
      };
    },
  },
  {
    name: "Barrier.wait()",
    waitsFor: "Barrier.wait",
    linked: true,
    make() {
      const barrier = new Barrier(2);
      const wakeThen = (action: () => void): void => {
        if (barrier.broken) barrier.reset();
        spawn(async () => {
          const passed = barrier.wait();
          action();
          await passed;
        });
      };
      return {
        call: async (options) => await barrier.wait(options) >= 0,
        value: true,
        expired: { error: BrokenBarrierError },
        wake: () => wakeThen(() => {}),
        wakeThen,
        untouched: () => assertEquals(barrier.waiting, 0),
      };
    },
    except: {
      ...except(
        "two who call pass together",
        "serves callers in the order of their arrival",
        "leaves the wake-up to the next when killed before it",
        "causes no unhandled rejection when interrupted while nobody awaits it",
      ),
      ...except(
        "who gives up breaks it for those who come",
        "has one outcome when its timeout is due right after the wake-up",
        "has one outcome when its timeout is due right before the wake-up",
        "drops the Timeout of another when that is due right after the wake-up",
        "loses nothing when the Timeout of another is due right before the wake-up",
        "leaves the wake-up to later calls when killed before it",
      ),
    },
  },
];
