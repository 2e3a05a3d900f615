import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Empty, Full } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { spawn } from "../../core/spawn.ts";
import { Channel } from "../../sync/channel.ts";
import { StopIteration } from "../../sync/simple_queue.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest(
  "Channel lets the getter run before the putter goes on, whoever came first",
  async () => {
    for (const first of ["getter", "putter"]) {
      const channel = new Channel<number>();
      const order: string[] = [];
      const getter = async (): Promise<void> => {
        for (let i = 0; i < 3; i++) order.push(`got ${await channel.get()}`);
      };
      const putter = async (): Promise<void> => {
        for (let i = 0; i < 3; i++) {
          await channel.put(i);
          order.push(`put ${i}`);
        }
      };
      const both = first === "getter" ? [getter, putter] : [putter, getter];
      await joinAll(both.map((fn) => spawn(fn)));
      assertEquals(order, ["got 0", "put 0", "got 1", "put 1", "got 2", "put 2"], first);
    }
  },
);

virtualTest("Channel serves getters and putters in the order in which they came", async () => {
  const channel = new Channel<number>();
  const getters = [1, 2, 3].map(() => spawn(() => channel.get()));
  await turns();
  assertEquals([channel.balance, channel.waiting], [-3, { getters: 3, putters: 0 }]);
  for (const n of [1, 2, 3]) channel.putNowait(n);
  await joinAll(getters);
  assertEquals(getters.map((getter) => getter.value), [1, 2, 3]);
  const putters = [4, 5, 6].map((n) => spawn(() => channel.put(n)));
  await turns();
  assertEquals([channel.balance, channel.waiting], [3, { getters: 0, putters: 3 }]);
  assertEquals([channel.getNowait(), await channel.get(), channel.getNowait()], [4, 5, 6]);
  await joinAll(putters);
  assertEquals(channel.balance, 0);
});

virtualTest("Channel stores nothing", async () => {
  const channel = new Channel<number>();
  const putter = spawn(() => channel.put(1));
  await turns();
  assertEquals([channel.qsize, channel.empty, channel.full], [0, true, true]);
  assertEquals(String(channel), "<Channel balance=1>");
  await putter.kill();
  assertThrows(() => channel.getNowait(), Empty, "Nobody is waiting to put");
});

virtualTest("Channel.put() and Channel.get() throw at once when told not to block", async () => {
  const channel = new Channel<number>();
  await assertRejects(() => channel.put(1, { block: false }), Full, "Nobody is waiting to take");
  await assertRejects(() => channel.get({ block: false }), Empty, "Nobody is waiting to put");
  assertThrows(() => channel.putNowait(1), Full);
  assertThrows(() => channel.getNowait(), Empty);
  const getter = spawn(() => channel.get());
  await turns();
  await channel.put(1, { block: false });
  const putter = spawn(() => channel.put(2));
  await turns();
  assertEquals([await getter.get(), await channel.get({ block: false })], [1, 2]);
  await putter.join();
});

virtualTest("Channel.putNowait() and Channel.getNowait() work in the hub", async () => {
  const channel = new Channel<number>();
  const getter = spawn(() => channel.get());
  await turns();
  hub.enqueueCallback(() => channel.putNowait(1));
  assertEquals(await getter.get(), 1);
  const putter = spawn(() => channel.put(2));
  await turns();
  let got = 0;
  hub.enqueueCallback(() => got = channel.getNowait());
  await putter.get();
  assertEquals(got, 2);
});

virtualTest("Channel is gone over until StopIteration comes", async () => {
  const channel = new Channel<number | typeof StopIteration>();
  const greenlet = spawn(async () => {
    const seen: number[] = [];
    for await (const n of channel) seen.push(n);
    return seen;
  });
  for (const n of [1, 2, StopIteration] as const) await channel.put(n);
  assertEquals(await greenlet.get(), [1, 2]);
});
