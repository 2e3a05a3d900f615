/**
 * Opening the listener of a server.
 *
 * @module
 */

import { original } from "../core/originals.ts";
import { ABSTRACT, type ParsedAddress } from "./address.ts";
import { requireReusePort } from "./reuse_port.ts";
import type { StreamServerOptions } from "./stream_server.ts";

/** Listens at an address. */
export function listenAt(address: ParsedAddress, options: StreamServerOptions): Deno.Listener {
  if ("path" in address) return listenAtPath(address.path, options.mode) as Deno.Listener;
  const { backlog, reusePort = false, cert, key, alpnProtocols, engine } = options;
  if (reusePort) requireReusePort();
  const { hostname = "0.0.0.0", port } = address;
  const where = {
    hostname,
    port,
    ...(backlog === undefined ? {} : { tcpBacklog: backlog }),
    ...(reusePort ? { reusePort } : {}),
  };
  if (cert === undefined || key === undefined || engine !== "deno") {
    return original(Deno, "listen")(where);
  }
  return original(Deno, "listenTls")({
    ...where,
    cert,
    key,
    ...(alpnProtocols === undefined ? {} : { alpnProtocols: [...alpnProtocols] }),
  });
}

function listenAtPath(path: string, mode: number | undefined): Deno.UnixListener {
  if (mode === undefined || path.startsWith(ABSTRACT)) {
    return original(Deno, "listen")({ transport: "unix", path });
  }
  // Nobody may get in before the permissions are as wanted; other files made meanwhile must not get more than usual.
  const umask = Deno.umask();
  let listener: Deno.UnixListener;
  Deno.umask(umask | (~mode & 0o777));
  try {
    listener = original(Deno, "listen")({ transport: "unix", path });
  } finally {
    Deno.umask(umask);
  }
  try {
    Deno.chmodSync(path, mode);
    return listener;
  } catch (error) {
    listener.close();
    throw error;
  }
}
