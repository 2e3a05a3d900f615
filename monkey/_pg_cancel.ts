/**
 * Telling a PostgreSQL server to stop what it does for a connection.
 *
 * @module
 */

import { connect, type ConnectOptions } from "../net/connect.ts";

/** The code of the request, where a startup message has its version. */
const CANCEL_REQUEST = 80877102;

const LIMIT: ConnectOptions = { timeout: 5000 };

/** Asks the server to end the current query of a connection; returns when it has passed that on. */
export async function requestCancel(
  host: string,
  port: number,
  pid: number,
  secret: number,
): Promise<void> {
  const request = new DataView(new ArrayBuffer(16));
  [16, CANCEL_REQUEST, pid, secret].forEach((value, i) => request.setInt32(i * 4, value));
  const address = host.startsWith("/")
    ? { path: `${host}/.s.PGSQL.${port}` }
    : { hostname: host, port };
  using socket = await connect(address, LIMIT);
  await socket.sendAll(new Uint8Array(request.buffer), LIMIT);
  await socket.recv(1, LIMIT); // it is closed without an answer
}
