/**
 * Patching the functions for TLS.
 *
 * @module
 */

import type { AdoptedKind } from "../core/adopt.ts";
import { adopted } from "./_adopted.ts";
import { greenConn, greenListener, keptOf } from "./_green_conn.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const CONNECT: AdoptedKind = { name: "Deno.connectTls" };
const START: AdoptedKind = { name: "Deno.startTls" };

/**
 * Patches `Deno.connectTls`, `Deno.startTls` and `Deno.listenTls`, and what is done with their connections, handshakes
 * included; see `patchConnect`. gevent's `patch_ssl`.
 *
 * The runtime cannot end a `connectTls`: when it is interrupted, the connection is closed as soon as it is there.
 * `startTls` refuses a connection with bytes that came in clear for a read that was killed.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { isPatched, patchTls } from "@gevent/deno/monkey";
 *
 * using patches = patchTls();
 * console.assert(patches.names.join() === "Deno.connectTls,Deno.startTls,Deno.listenTls");
 * console.assert(isPatched(Deno.startTls));
 * ```
 */
export function patchTls(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("tls", options);
  patcher.method(
    Deno,
    "connectTls",
    "Deno.connectTls",
    (connectTls) => (options: Deno.ConnectTlsOptions) =>
      adopted(() => connectTls(options).then(greenConn), CONNECT),
  );
  patcher.method(
    Deno,
    "startTls",
    "Deno.startTls",
    (startTls) => (conn: Deno.TcpConn, options?: Deno.StartTlsOptions) =>
      adopted(async () => {
        const kept = keptOf(conn);
        if (kept > 0) {
          throw new Deno.errors.InvalidData(
            `Cannot start TLS as ${kept} bytes have come that nobody has read`,
          );
        }
        return greenConn(await startTls(conn, options));
      }, START),
  );
  patcher.method(
    Deno,
    "listenTls",
    "Deno.listenTls",
    (listenTls) => (options: Deno.ListenTlsOptions & Deno.TlsCertifiedKeyPem) =>
      greenListener(listenTls(options)),
  );
  return patcher.patches;
}
