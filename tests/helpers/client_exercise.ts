/**
 * What every client library has to bear when its promises are waited for by greenlets that are killed and timed out:
 * the same scenario for all of them, against a real server.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { local } from "../../core/local.ts";
import { Pool } from "../../core/pool.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { eventually } from "./io_test.ts";
import { seededRandom } from "./random.ts";
import { collectReports, collectUnhandled } from "./reports.ts";

/** A green client, as the scenario needs it. */
export interface ExercisedClient {
  /** Has the server send back a text: a call of the ordinary kind, whose answer shows whose it is. */
  readonly echo: (text: string) => Promise<string>;
  /** A call that does not return while the scenario lasts, unless it is ended. */
  readonly block?: () => Promise<unknown>;
  /** How many connections the server counts, the one for asking not included. */
  readonly connections: () => Promise<number>;
  /** How many connections may be there afterwards: the size of a pool; by default as many as before. */
  readonly mostConnections?: number;
}

const GREENLETS = 100;
const CALLS = 20;
/** Within so many ms greenlets are killed, or run out of time. */
const MOST_MS = 40;

/**
 * Has 100 greenlets call the client at the same time, kills some of them and lets others run out of time, at random, and
 * then asserts that the client works as if nothing had been: with a pool of ten, and with 100 calls at once. Asserts also
 * that each greenlet has its own locals and its own answers all the time, that no rejection is left unhandled, and that
 * the server counts no more connections than before.
 *
 * @param seed What the random choices depend on.
 */
export async function exerciseClient(client: ExercisedClient, seed = 1): Promise<void> {
  using unhandled = collectUnhandled();
  using reports = collectReports();
  await echoAtOnce(client, "warm", 5);
  const most = client.mostConnections ?? await client.connections();
  await killAtRandom(client, seededRandom(seed));
  await echoInPool(client);
  await echoAtOnce(client, "after", 100);
  await eventually(async () => await client.connections() <= most);
  await idle(); // lets the runtime look for unhandled rejections
  assertEquals(unhandled.list, []);
  assertEquals(reports.list, []);
}

/** What a greenlet is going to do. */
type Fate = "finishes" | "recovers" | "times out" | "is killed";

const FATES: readonly Fate[] = ["finishes", "recovers", "times out", "is killed"];

async function killAtRandom(client: ExercisedClient, random: (bound: number) => number) {
  const mine = local(() => ({ name: "" }));

  /** Calls so often; asserts that answers are its own, and that it is itself before and after each. */
  const echo = async (name: string, calls: number): Promise<void> => {
    mine.name = name;
    for (let call = 0; call < calls; call++) {
      const text = `${name}, call ${call}`;
      assertStrictEquals(await client.echo(text), text);
      assertStrictEquals(mine.name, name);
    }
  };

  const begin = (n: number): () => Promise<void> => {
    const fate = FATES[n % FATES.length]!;
    const name = `greenlet ${n}`;
    const ms = random(MOST_MS);
    // Half of those that are interrupted wait for something that does not come, the others come and go.
    const endless = client.block !== undefined && random(2) === 0
      ? async () => void await client.block!()
      : () => echo(name, Infinity);
    switch (fate) {
      case "finishes": {
        const greenlet = spawn(echo, name, CALLS);
        return () => greenlet.get();
      }
      case "recovers": {
        const greenlet = spawn(async () => {
          await assertRejects(() => withTimeout(ms, endless), Timeout);
          await echo(name, CALLS);
        });
        return () => greenlet.get();
      }
      case "times out": {
        const greenlet = spawn(() => assertRejects(() => withTimeout(ms, endless), Timeout));
        return () => greenlet.get().then(() => {});
      }
      case "is killed": {
        const greenlet = spawn(endless);
        const killer = spawn(async () => {
          await sleep(ms);
          await greenlet.kill();
        });
        return async () => {
          await killer.get();
          assertInstanceOf(greenlet.value, GreenletExit, String(greenlet.exception));
        };
      }
    }
  };

  for (const end of Array.from({ length: GREENLETS }, (_, n) => begin(n))) await end();
}

async function echoInPool(client: ExercisedClient): Promise<void> {
  let [active, most] = [0, 0];
  const texts = Array.from({ length: 50 }, (_, n) => `in pool ${n}`);
  const answers = await new Pool(10).map(async (text) => {
    most = Math.max(most, ++active);
    try {
      return await client.echo(text);
    } finally {
      active--;
    }
  }, texts);
  assertEquals(answers, texts);
  assertEquals(most, 10);
}

async function echoAtOnce(client: ExercisedClient, prefix: string, count: number): Promise<void> {
  const texts = Array.from({ length: count }, (_, n) => `${prefix} ${n}`);
  const greenlets = texts.map((text) => spawn(client.echo, text));
  assertEquals(await Promise.all(greenlets.map((greenlet) => greenlet.get())), texts);
}
