import { assert, assertEquals } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { patchConnect } from "../../monkey/patch_connect.ts";
import { patchStreams } from "../../monkey/patch_streams.ts";
import { ioTest } from "../helpers/io_test.ts";

/** Runs a function that never runs out of work beside a greenlet that ticks, until that has ticked so often. */
async function assertTicksBeside(work: () => Promise<void>, ticks = 20): Promise<number> {
  let rounds = 0;
  const greedy = spawn(async () => {
    for (;; rounds++) await work();
  });
  const ticking = spawn(async () => {
    for (let tick = 0; tick < ticks; tick++) await sleep(10);
  });
  await ticking.get();
  await greedy.kill();
  return rounds;
}

ioTest("A loop over bytes that are there already does not keep others from running", async () => {
  using _patch = patchConnect();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  using conn = await Deno.connect({ hostname, port });
  using peer = await listener.accept();
  let stop = false;
  const flood = (async () => {
    const data = new Uint8Array(65536);
    while (!stop) await peer.write(data).catch(() => stop = true);
  })();
  const buffer = new Uint8Array(16);
  const rounds = await assertTicksBeside(async () => void await conn.read(buffer));
  assert(rounds > 100, `The loop came round only ${rounds} times`);
  stop = true;
  conn.close();
  await flood;
});

ioTest("A loop over a stream that is never empty does not keep others from running", async () => {
  using _patch = patchStreams();
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue("more") });
  const reader = endless.getReader();
  const rounds = await assertTicksBeside(async () => void await reader.read());
  assert(rounds > 100, `The loop came round only ${rounds} times`);
  // Without the patch it would: nothing in it waits for anything but microtasks.
  assertEquals((await reader.read()).value, "more");
});

ioTest("Greedy loops share the time between them", async () => {
  using _patch = patchStreams();
  const counts = [0, 0, 0];
  const loops = counts.map((_, at) =>
    spawn(async () => {
      const endless = new ReadableStream({ pull: (controller) => controller.enqueue("more") });
      for await (const _ of endless) counts[at]!++;
    })
  );
  await sleep(100);
  for (const loop of loops) await loop.kill();
  const [least, , most] = counts.toSorted((a, b) => a - b);
  assert(least! > 0 && most! <= least! * 2, `They came round ${counts.join(", ")} times`);
});
