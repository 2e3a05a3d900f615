/**
 * What is measured of `monkey/`.
 *
 * @module
 */

import { green } from "../../../core/green.ts";
import { spawn } from "../../../core/spawn.ts";
import { until } from "../../../core/until.ts";
import type { Workload } from "./contestant.ts";

/** How many timers are pending at a time. */
const TIMERS = 100;

/** The same code, with this or that patched. An operation is one call that is awaited. */
export interface MonkeyContestant {
  /** `fetch` and `text` of a short answer. */
  readonly fetch: Workload;
  /** `await new Promise((resolve) => setTimeout(resolve))`, 100 at a time. */
  readonly timer: Workload;
  /** `Conn.read` of one byte that is sent in answer to one that was written. */
  readonly read: Workload;
  /** A promise, or `until` of a promise. */
  readonly until: Workload;
  /** A method of a client, or of a green one. */
  readonly green: Workload;
  /** A method of a class, or of a patched one. */
  readonly patchClass: Workload;
  /** `await` of an async function outside all greenlets. */
  readonly awaitOutside: Workload;
  /** The same in a greenlet. */
  readonly awaitInside: Workload;
}

/** How a contestant runs. */
export interface Conditions {
  /** Patches what there is to patch, for as long as a workload runs. */
  readonly patch: () => Disposable;
  /** Patches a class. */
  readonly patchClass: (constructor: typeof Client) => Disposable;
  /** Whether promises are awaited as the library has it. */
  readonly cooperative: boolean;
}

/** A client as there are many: its methods are async functions. */
export class Client {
  // deno-lint-ignore require-await -- it is what makes it a call that is awaited
  async get(n: number): Promise<number> {
    return n;
  }
}

const NOTHING: Disposable = { [Symbol.dispose](): void {} };

/** Runs with nothing patched. */
export const UNPATCHED: Conditions = {
  patch: () => NOTHING,
  patchClass: () => NOTHING,
  cooperative: false,
};

/** Makes a contestant; everything but `awaitOutside` runs in a greenlet, as patches make no difference elsewhere. */
export function makeContestant({ patch, patchClass, cooperative }: Conditions): MonkeyContestant {
  return {
    async fetch(operations, watch) {
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response("Hello World!"),
      );
      const url = `http://127.0.0.1:${server.addr.port}/`;
      using client = Deno.createHttpClient({});
      using _patch = patch();
      return await spawn(async () => {
        let done = 0;
        watch.start();
        while (done < operations) {
          const text = await (await fetch(url, { client })).text();
          if (text !== "Hello World!") break;
          done++;
        }
        watch.stop();
        return done;
      }).get();
    },

    async timer(operations) {
      using _patch = patch();
      return await spawn(async () => {
        let done = 0;
        while (done < operations) {
          await Promise.all(Array.from({ length: TIMERS }, async () => {
            await new Promise<void>((resolve) => setTimeout(resolve));
            done++;
          }));
        }
        return done;
      }).get();
    },

    async read(operations, watch) {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const echoing = echo(listener); // natively
      using _patch = patch();
      const done = await spawn(async () => {
        using conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
        conn.setNoDelay();
        const byte = new Uint8Array(1);
        let done = 0;
        watch.start();
        while (done < operations) {
          await conn.write(byte);
          if (await conn.read(byte) !== 1) break;
          done++;
        }
        watch.stop();
        return done;
      }).get();
      await echoing;
      return done;
    },

    until(operations) {
      const wait = cooperative ? until : (promise: Promise<number>) => promise;
      return inGreenlet(operations, (n) => wait(Promise.resolve(n)));
    },

    green(operations) {
      const client = cooperative ? green(new Client()) : new Client();
      return inGreenlet(operations, (n) => client.get(n));
    },

    async patchClass(operations) {
      using _patch = patchClass(Client);
      const client = new Client();
      return await inGreenlet(operations, (n) => client.get(n));
    },

    async awaitOutside(operations) {
      using _patch = patch();
      return await countAwaits(operations);
    },

    async awaitInside(operations) {
      using _patch = patch();
      return await spawn(countAwaits, operations).get();
    },
  };
}

async function echo(listener: Deno.Listener): Promise<void> {
  using conn = await listener.accept();
  (conn as Deno.TcpConn).setNoDelay();
  const byte = new Uint8Array(1);
  while (await conn.read(byte) !== null) await conn.write(byte);
}

async function inGreenlet(
  operations: number,
  call: (n: number) => Promise<number>,
): Promise<number> {
  return await spawn(async () => {
    let done = 0;
    while (done < operations && await call(done) === done) done++;
    return done;
  }).get();
}

async function countAwaits(operations: number): Promise<number> {
  let done = 0;
  // deno-lint-ignore require-await -- its promise is what is awaited
  const count = async (): Promise<void> => {
    done++;
  };
  for (let i = 0; i < operations; i++) await count();
  return done;
}
