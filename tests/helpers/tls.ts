/**
 * TLS for tests: sockets at both ends, and peers with OpenSSL.
 *
 * @module
 */

import type { Socket } from "../../net/socket.ts";
import { socketPair } from "../../net/socket_pair.ts";
import {
  acceptTls,
  startTls,
  type TlsClientOptions,
  type TlsServerOptions,
} from "../../net/tls.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "./certificates.ts";
import { ChildProgram } from "./child_program.ts";

/** What a client of the test server needs. */
export const CLIENT: TlsClientOptions & { hostname: string } = {
  hostname: "localhost",
  caCerts: [AUTHORITY],
};

/** What the test server needs. */
export const SERVER: TlsServerOptions = { cert: CERTIFICATE, key: KEY };

/** Two sockets that speak TLS with each other. */
export interface TlsPair extends Disposable {
  readonly client: Socket;
  readonly server: Socket;
}

/** Makes two sockets and does the handshake; when one end fails, both are closed. */
export async function tlsPair(
  clientOptions: Partial<TlsClientOptions> = {},
  serverOptions: Partial<TlsServerOptions> = {},
): Promise<TlsPair> {
  const [left, right] = await socketPair();
  const [client, server] = await Promise.allSettled([
    startTls(left, { ...CLIENT, ...clientOptions }),
    acceptTls(right, { ...SERVER, ...serverOptions }),
  ]);
  if (client.status === "fulfilled" && server.status === "fulfilled") {
    return {
      client: client.value,
      server: server.value,
      [Symbol.dispose](): void {
        client.value.close();
        server.value.close();
      },
    };
  }
  for (const end of [client, server]) if (end.status === "fulfilled") end.value.close();
  throw client.status === "rejected" ? client.reason : (server as PromiseRejectedResult).reason;
}

const PYTHON = "/usr/bin/python3";

/** Whether there is a Python with OpenSSL, for peers that are not of the runtime. */
export function hasPython(): boolean {
  try {
    return Deno.statSync(PYTHON).isFile;
  } catch {
    console.log(`Ignored as there is no ${PYTHON}`);
    return false;
  }
}

/** Runs a Python program with arguments, and returns what it printed. */
export async function runPython(source: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(PYTHON, {
    args: ["-c", source, ...args],
    stdin: "null",
  }).output();
  const decode = (data: Uint8Array): string => new TextDecoder().decode(data);
  if (code !== 0) throw new Error(`Python has failed: ${decode(stderr)}`);
  return decode(stdout);
}

/** Starts a Python program with arguments. */
export function startPython(source: string, ...args: string[]): ChildProgram {
  return new ChildProgram([PYTHON, "-c", source, ...args]);
}
