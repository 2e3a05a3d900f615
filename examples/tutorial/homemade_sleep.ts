// What a hub is for: it runs the event loop while greenlets wait, and switches to those that the loop has woken.
import { Loop, main, RawGreenlet } from "../../mod.ts";

export default async function homemadeSleep(): Promise<void> {
  const loop = new Loop();
  const woken: RawGreenlet[] = [];

  // A simple version of getHub()
  const hub = new RawGreenlet(async () => {
    while (loop.activeCount > 0) {
      await loop.run({ once: true });
      while (woken.length > 0) await woken.shift()!.switch();
    }
  });

  // A simple version of sleep()
  async function sleep(ms: number): Promise<void> {
    const current = RawGreenlet.getCurrent();
    loop.timer(ms).start(() => woken.push(current)); // the hub is to switch back to this greenlet
    await hub.switch(); // and runs the event loop until then
  }

  async function sleeper(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      console.log((loop.now() / 1000).toFixed(1));
      await sleep(1000); // can be called like any function that blocks
    }
  }

  await sleeper();
  await hub.switch();
}

if (import.meta.main) main(homemadeSleep);
