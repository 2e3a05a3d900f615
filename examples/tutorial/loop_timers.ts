// An event loop with a timer that repeats: prints the seconds until it is stopped with Ctrl-C.
import { Loop, main } from "../../mod.ts";

export default async function loopTimers(): Promise<void> {
  const loop = new Loop();

  function callback(): void {
    console.log((loop.now() / 1000).toFixed(2));
  }

  // After a second, then every second
  using timer = loop.timer(1000, 1000);
  timer.start(callback);
  await loop.run();
}

if (import.meta.main) main(loopTimers);
