// Three ways to start a greenlet.
import { Greenlet, joinAll, main, sleep, spawn } from "../../mod.ts";

/** Each greenlet is given the message and the time when it is made. */
async function foo(message: string, ms: number): Promise<void> {
  await sleep(ms);
  console.log(message);
}

export default async function spawning(): Promise<void> {
  // A greenlet that runs the function foo
  const thread1 = new Greenlet(foo, "Hello", 1000);
  thread1.start();

  // The same in one go
  const thread2 = spawn(foo, "I live!", 2000);

  // A function without a name
  const thread3 = spawn((x: number) => x + 1, 2);

  // Wait until all of them have ended
  await joinAll([thread1, thread2, thread3]);
}

if (import.meta.main) main(spawning);
