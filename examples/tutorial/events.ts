// One greenlet wakes all that wait for an event.
import { Event, joinAll, main, sleep, spawn } from "../../mod.ts";

export default async function events(): Promise<void> {
  const evt = new Event();

  /** After 3 seconds, wakes all that wait for evt. */
  async function setter(): Promise<void> {
    console.log("A: Hey wait for me, I have to do something");
    await sleep(3000);
    console.log("Ok, I'm done");
    evt.set();
  }

  /** Goes on after 3 seconds. */
  async function waiter(): Promise<void> {
    console.log("I'll wait for you");
    await evt.wait(); // blocks
    console.log("It's about time");
  }

  await joinAll([
    spawn(setter),
    spawn(waiter),
    spawn(waiter),
    spawn(waiter),
    spawn(waiter),
    spawn(waiter),
  ]);
}

if (import.meta.main) main(events);
