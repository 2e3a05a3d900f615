/** The workloads on this library. */

import { joinAll, sleep, spawn, Timeout } from "../../../core/mod.ts";
import { hub } from "../../../core/scheduler.ts";
import type { Timer } from "../../../core/timer_heap.ts";
import { Event, Queue } from "../../../sync/mod.ts";
import { type Contestant, timerDelay } from "./core_contestant.ts";

const greenlets: Contestant = {
  async switch(operations) {
    const giveWay = async (): Promise<void> => {
      for (let i = 0; i < operations / 2; i++) await sleep();
    };
    await joinAll([spawn(giveWay), spawn(giveWay)]);
  },

  async spawn(operations) {
    const work = (n: number): number => n;
    const all = [];
    for (let i = 0; i < operations; i++) all.push(spawn(work, i));
    await joinAll(all);
  },

  async spawnWaiting(operations) {
    const work = async (): Promise<void> => {
      await sleep();
    };
    const all = [];
    for (let i = 0; i < operations; i++) all.push(spawn(work));
    await joinAll(all);
  },

  async queue(operations) {
    const there = new Queue<number>();
    const back = new Queue<number>();
    const rounds = operations / 2;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        await there.put(i);
        await back.get();
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) await back.put(await there.get());
    };
    await joinAll([spawn(ping), spawn(pong)]);
  },

  timer(operations) {
    const target = { fire(): void {} };
    const timers: Timer[] = [];
    for (let i = 0; i < operations; i++) timers.push(hub.addTimer(timerDelay(i), target));
    for (const timer of timers) hub.removeTimer(timer);
  },

  timeout(operations) {
    const timeouts: Timeout[] = [];
    for (let i = 0; i < operations; i++) timeouts.push(Timeout.start(timerDelay(i)));
    for (const timeout of timeouts) timeout.cancel();
  },

  async park(tasks) {
    const event = new Event();
    const wait = async (): Promise<void> => {
      await event.wait();
    };
    const all = Array.from({ length: tasks }, () => spawn(wait));
    await sleep();
    return async () => {
      event.set();
      await joinAll(all);
    };
  },
};

export default greenlets;
