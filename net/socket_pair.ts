/**
 * Two ends of one connection.
 *
 * @module
 */

import { original } from "../core/originals.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { limited } from "../core/timeout.ts";
import { until } from "../core/until.ts";
import { closeQuietly } from "./_runtime_errors.ts";
import { Socket } from "./socket.ts";

/**
 * Makes two sockets that are connected to each other: gevent's `socketpair`.
 *
 * They are a TCP connection within this machine, which needs the permission to use the network at 127.0.0.1 and nothing
 * else. Any program of the machine could connect to the port it takes for a moment; such connections are closed, and
 * never taken for the other end.
 *
 * @throws {Timeout} When it takes too long; nothing stays open then.
 *
 * @example
 * ```ts
 * import { socketPair } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * await left.sendAll(new TextEncoder().encode("ping"));
 * console.assert(new TextDecoder().decode(await right.recvExactly(4)) === "ping");
 * left.close();
 * right.close();
 * ```
 */
export async function socketPair(options: WaitOptions = {}): Promise<[Socket, Socket]> {
  const { timeout, signal } = options;
  return await limited(timeout, async () => {
    const orphan = (late: Deno.Conn): void => late.close();
    const listener = original(Deno, "listen")({ hostname: "127.0.0.1", port: 0 });
    let client: Deno.TcpConn | undefined;
    try {
      const { hostname, port } = listener.addr;
      client = await until(original(Deno, "connect")({ hostname, port }), { signal, orphan });
      const server = await acceptFrom(listener, client.localAddr, { signal });
      client.setNoDelay();
      server.setNoDelay();
      return [new Socket(client), new Socket(server)];
    } catch (error) {
      if (client !== undefined) closeQuietly(client);
      throw error;
    } finally {
      listener.close();
    }
  });
}

/** Accepts until the connection has come that is from this address. */
async function acceptFrom(
  listener: Deno.TcpListener,
  address: Deno.NetAddr,
  options: WaitOptions,
): Promise<Deno.TcpConn> {
  const orphan = (late: Deno.Conn): void => late.close();
  for (;;) {
    const conn = await until(listener.accept(), { ...options, orphan });
    const { hostname, port } = conn.remoteAddr;
    if (hostname === address.hostname && port === address.port) return conn;
    conn.close(); // of somebody else, who was quicker
  }
}
