/**
 * Connections to NATS.
 *
 * @module
 */

import { giveBack, green, type GreenOptions } from "../core/green.ts";

/** What async iterables of NATS have to be told when nobody goes on with them: one of these. */
interface Endable {
  unsubscribe?(): void;
  close?(): unknown;
  stop?(): void;
}

const options: GreenOptions = {
  interrupted({ target, method }) {
    if (method !== "[Symbol.asyncIterator]") return undefined;
    const source = target as Endable;
    if (typeof source.unsubscribe === "function") return source.unsubscribe();
    return typeof source.close === "function" ? source.close() : source.stop?.();
  },
  orphan(late, call) {
    const { nak } = Object(late);
    return typeof nak === "function" ? nak.call(late) : giveBack(late, call);
  },
};

/**
 * Makes a connection of the npm packages `nats` or `@nats-io/transport-node` (and those for other transports) cooperative,
 * as `green` does, so that what is interrupted leaves nothing behind on it.
 *
 * When a loop over a subscription is killed or times out, it is unsubscribed at once; loops over other things, such as the
 * messages of a consumer, the status, or the keys of a bucket, are closed or stopped. `request` is given up: an answer that
 * still comes is dropped, and the client forgets the request when its own time limit is over. A message of JetStream that
 * arrives when nobody waits for `next` any more is handed back with `nak`, so that it is delivered again. `drain` and
 * `close` go on when nobody waits for them.
 *
 * What is made of a connection by other packages, such as `jetstream(connection)`, has to be made green itself, by this
 * function as well.
 *
 * @throws {TypeError} When it is neither a connection nor made of one.
 *
 * @example
 * ```ts ignore
 * import { greenNats } from "@gevent/deno/monkey";
 * import { sleep, spawn } from "@gevent/deno";
 * import { connect } from "npm:@nats-io/transport-node";
 *
 * const connection = greenNats(await connect());
 * const listener = spawn(async () => {
 *   for await (const message of connection.subscribe("news")) console.log(message.string());
 * });
 * await sleep(1000);
 * await listener.kill(); // it is unsubscribed
 * ```
 */
export function greenNats<T extends object>(connection: T): T {
  if (!isOfNats(connection)) {
    throw new TypeError(
      `Cannot adapt what is not a connection to NATS, or made of one: received ${
        Deno.inspect(connection, { depth: -1 })
      }`,
    );
  }
  return green<T>(connection, options);
}

/** Connections, and what is made of them for JetStream, its consumers and its buckets. */
function isOfNats(value: unknown): boolean {
  const { publish, consumers, watch, open } = Object(value);
  return typeof consumers === "object" ||
    [publish, watch, open].some((method) => typeof method === "function");
}
