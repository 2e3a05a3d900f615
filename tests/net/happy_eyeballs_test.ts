import { assert, assertEquals, assertRejects } from "@std/assert";
import { Timeout } from "../../core/timeout.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import type { WaitOptions } from "../../core/suspend.ts";
import { AllFailed, connectToFirst, interleave } from "../../net/_happy_eyeballs.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** What an address does: connect after so many ms, or fail then; forever is `Infinity`. */
interface Behaviour {
  readonly after: number;
  readonly fails?: boolean;
  /** Brings its connection even if it was told to let go. */
  readonly deaf?: boolean;
}

/** A network in virtual time. */
class Network {
  readonly log: string[] = [];
  readonly discarded: string[] = [];
  readonly aborted: string[] = [];
  readonly #hosts: Readonly<Record<string, Behaviour>>;

  constructor(hosts: Readonly<Record<string, Behaviour>>) {
    this.#hosts = hosts;
  }

  connect(options?: WaitOptions): Promise<string> {
    return connectToFirst(
      Object.keys(this.#hosts),
      {
        delay: 250,
        open: (address, signal) => this.#open(address, signal),
        discard: (connection) => void this.discarded.push(connection),
      },
      options,
      { name: "connecting" },
    );
  }

  #open(address: string, signal: AbortSignal): Promise<string> {
    this.log.push(`${now()} ${address}`);
    const { after, fails = false, deaf = false } = this.#hosts[address]!;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = after === Infinity ? undefined : hub.addTimer(after, {
      fire: () => fails ? reject(new Error(`${address} refused`)) : resolve(address),
    });
    signal.addEventListener("abort", () => {
      this.aborted.push(address);
      if (deaf) return;
      if (timer !== undefined) hub.removeTimer(timer);
      reject(signal.reason);
    });
    return promise;
  }
}

function addresses(...names: string[]) {
  return names.map((address) => ({ address, family: address.includes(":") ? 6 : 4 } as const));
}

Deno.test("interleave() takes the families by turns, beginning with that of the first address", () => {
  const ordered = (...names: string[]) =>
    interleave(addresses(...names)).map(({ address }) => address);
  assertEquals(ordered("::1", "::2", "::3", "1", "2"), ["::1", "1", "::2", "2", "::3"]);
  assertEquals(ordered("1", "::1", "::2", "::3"), ["1", "::1", "::2", "::3"]);
  assertEquals(ordered("1", "2", "3", "::1"), ["1", "::1", "2", "3"]);
  assertEquals(ordered("1", "2"), ["1", "2"]);
});

virtualTest("connectToFirst() tries one address if that answers", async () => {
  const network = new Network({ a: { after: 249 }, b: { after: 1 } });
  assertEquals(await network.connect(), "a");
  assertEquals(network.log, ["0 a"]);
  assertEquals(network.discarded, []);
});

virtualTest(
  "connectToFirst() tries the next address after the delay, and the first to answer wins",
  async () => {
    const network = new Network({
      a: { after: Infinity },
      b: { after: 400 },
      c: { after: 100 },
      d: { after: 1 },
    });
    assertEquals(await network.connect(), "c");
    assertEquals(now(), 600);
    assertEquals(network.log, ["0 a", "250 b", "500 c"]);
    await turns();
    assertEquals(network.aborted, ["a", "b", "c"]);
    assertEquals(network.discarded, []);
  },
);

virtualTest(
  "connectToFirst() tries the next address at once when one fails, and waits for the delay anew",
  async () => {
    const network = new Network({
      a: { after: 10, fails: true },
      b: { after: Infinity },
      c: { after: 5 },
    });
    assertEquals(await network.connect(), "c");
    assertEquals(network.log, ["0 a", "10 b", "260 c"]);
  },
);

virtualTest(
  "connectToFirst() lets an address that was slow win after a later one has failed",
  async () => {
    const network = new Network({ a: { after: 300 }, b: { after: 10, fails: true } });
    assertEquals(await network.connect(), "a");
    assertEquals(now(), 300);
  },
);

virtualTest(
  "connectToFirst() discards connections that come although they were told to let go",
  async () => {
    const network = new Network({ a: { after: 500, deaf: true }, b: { after: 10 } });
    assertEquals(await network.connect(), "b");
    await sleep(1000);
    assertEquals(network.discarded, ["a"]);
  },
);

virtualTest(
  "connectToFirst() throws all errors, in the order of the addresses, when all fail",
  async () => {
    const network = new Network({ a: { after: 300, fails: true }, b: { after: 10, fails: true } });
    const error = await network.connect().catch((error) => error);
    assert(error instanceof AllFailed);
    assertEquals(error.attempts.map(({ address, error }) => [address, String(error)]), [
      ["a", "Error: a refused"],
      ["b", "Error: b refused"],
    ]);
    assertEquals(now(), 300);
  },
);

virtualTest("connectToFirst() takes an error thrown on the spot for a failed attempt", async () => {
  const tried: string[] = [];
  const connecting = {
    delay: 250,
    open(address: string): string {
      tried.push(address);
      if (address === "a") throw new Error("forbidden");
      return address;
    },
    discard(): void {},
  };
  assertEquals(
    await connectToFirst(["a", "b"], connecting, undefined, { name: "connecting" }),
    "b",
  );
  assertEquals([tried, now()], [["a", "b"], 0]);
});

virtualTest("connectToFirst() gives all up when it is killed, also what comes later", async () => {
  const network = new Network({
    a: { after: 1000, deaf: true },
    b: { after: 800 },
    c: { after: 1 },
  });
  const connecting = spawn(() => network.connect());
  await sleep(400);
  await connecting.kill();
  assertEquals(network.aborted, ["a", "b"]);
  assertEquals(hub.timers.size, 1, "Only that of the deaf address is to be left");
  await sleep(1000);
  assertEquals(network.discarded, ["a"]);
  assertEquals(network.log.length, 2);
});

virtualTest("connectToFirst() gives all up when its time is over", async () => {
  const network = new Network({
    a: { after: Infinity },
    b: { after: Infinity },
    c: { after: Infinity },
  });
  await assertRejects(() => network.connect({ timeout: 400 }), Timeout);
  assertEquals(now(), 400);
  assertEquals(network.aborted, ["a", "b"]);
});

virtualTest(
  "connectToFirst() discards the connection that comes in the same turn as the kill",
  async () => {
    const network = new Network({ a: { after: 10 } });
    const connecting = spawn(() => network.connect());
    await turns();
    hub.addTimer(10, { fire: () => connecting.throw() });
    await connecting.join();
    await turns();
    assertEquals(network.discarded, ["a"]);
  },
);
