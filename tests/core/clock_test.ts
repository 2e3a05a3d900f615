import { assert, assertEquals } from "@std/assert";
import { ioTurn, nextTurn, SystemClock } from "../../core/clock.ts";

/** Resolves when `arm` calls back. */
function woken(clock: SystemClock, deadline: number): Promise<void> {
  return new Promise((resolve) => clock.arm(deadline, resolve));
}

Deno.test("SystemClock.arm() wakes when the deadline is reached", async () => {
  const clock = new SystemClock();
  const deadline = clock.now() + 5;
  await woken(clock, deadline);
  // A runtime timer of whole milliseconds may be a fraction early.
  assert(clock.now() >= deadline - 1);
});

Deno.test("SystemClock.arm() wakes once when it was armed again for an earlier time", async () => {
  const clock = new SystemClock();
  let wrong = 0;
  clock.arm(clock.now() + 60_000, () => wrong++);
  await woken(clock, clock.now() + 1);
  assertEquals(wrong, 0);
});

Deno.test("SystemClock.arm() keeps the earlier time when armed again for a later one", async () => {
  const clock = new SystemClock();
  const first = woken(clock, clock.now() + 1);
  clock.arm(clock.now() + 60_000, () => {});
  await first;
  clock.disarm();
});

Deno.test("SystemClock.arm() does not wake when the time is Infinity or further off than a timer reaches", async () => {
  const clock = new SystemClock();
  let wakes = 0;
  clock.arm(clock.now() + 1, () => wakes++);
  clock.arm(Infinity, () => wakes++);
  await woken(new SystemClock(), performance.now() + 3);
  clock.arm(clock.now() + 2 ** 40, () => wakes++);
  await woken(new SystemClock(), performance.now() + 3);
  assertEquals(wakes, 0);
  clock.disarm();
});

Deno.test("SystemClock.arm() wakes soon when the deadline has passed", async () => {
  const clock = new SystemClock();
  await woken(clock, clock.now() - 1000);
});

Deno.test("nextTurn() comes after all microtasks, in the order of the calls", async () => {
  const order: string[] = [];
  const first = nextTurn().then(() => order.push("first"));
  const second = nextTurn().then(() => order.push("second"));
  const microtasks = (async () => {
    for (let i = 0; i < 1000; i++) await undefined;
    order.push("microtasks");
  })();
  await Promise.all([first, second, microtasks]);
  assertEquals(order, ["microtasks", "first", "second"]);
});

Deno.test({
  name: "ioTurn() lets I/O in when nothing else ever leaves the event loop idle",
  timeout: 30_000,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = listener.accept();
    using here = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    using there = await accepting;
    let got = 0;
    const reading = there.read(new Uint8Array(1)).then((n) => got = n ?? 0);
    await here.write(new Uint8Array(1));
    while (got === 0) await ioTurn();
    await reading;
    assertEquals(got, 1);
  },
});
