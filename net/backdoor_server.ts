/**
 * A console for a running program.
 *
 * @module
 */

import { familyOf } from "./_ip.ts";
import { BackdoorSession, type SessionSettings } from "./_backdoor_session.ts";
import { Evaluator } from "./_evaluator.ts";
import { type Address, formatAddress, parseAddress, type ParsedAddress } from "./address.ts";
import { StreamServer, type StreamServerOptions } from "./stream_server.ts";

/**
 * What `BackdoorServer` takes.
 *
 * @example
 * ```ts
 * import { type BackdoorOptions, BackdoorServer } from "@gevent/deno/net";
 *
 * const options: BackdoorOptions = { locals: { answer: 42 }, banner: "Welcome", token: "open sesame" };
 * console.assert(new BackdoorServer({ path: "/tmp/app.backdoor" }, options).token === "open sesame");
 * ```
 */
export interface BackdoorOptions extends StreamServerOptions {
  /** Variables that each session begins with; each has a copy of its own. */
  readonly locals?: Readonly<Record<string, unknown>>;
  /** What is written when a session begins. */
  readonly banner?: string;
  /**
   * What a client has to write first; by default a random one, see {@link BackdoorServer.token}. With `null` whoever can connect
   * is let in.
   */
  readonly token?: string | null;
  /**
   * Let the server listen at an address that others than this host can reach. What goes over the wire, the token included, can be
   * read there unless the server has `cert` and `key`.
   */
  readonly allowRemote?: boolean;
}

const BANNER = `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}. help() tells what there is.`;

/**
 * Gives whoever connects a console in the running program, to look around and to change things: gevent's `BackdoorServer`. Connect
 * with `nc 127.0.0.1 <port>` or `nc -U <path>`.
 *
 * Each connection is a session with variables of its own, in a greenlet of its own. What is typed is JavaScript in the program's own
 * realm, with `await` anywhere; declarations last for the session, constants too may be declared anew, and an assignment to a name
 * that was not declared declares it. The value is shown, and is `_` from then on; errors are shown. What is incomplete is asked for
 * with `... `, and an empty line ends it. `print`, `console.log` and `printRunInfo()` of the session write to the connection, but
 * what functions of the program print goes where it always does. `help()` tells what else there is. `quit()`, `exit()` and the end of
 * the input end the session, and nothing else; stopping the server kills all sessions, even in the middle of an `await`. What a
 * session has spawned goes on.
 *
 * Whoever gets in can do all that the program can. So it listens only where nobody but this host can connect, unless it is told
 * otherwise, and asks for a token: three attempts for each connection, each wrong one takes a second. A unix socket can be used by the
 * program's own user only, unless `mode` says otherwise. A greenlet that blocks the program blocks the console, too.
 *
 * @example
 * ```ts
 * import { BackdoorServer, connect } from "@gevent/deno/net";
 *
 * await using server = new BackdoorServer("127.0.0.1:0", { locals: { answer: 42 }, token: null });
 * await server.start();
 *
 * using socket = await connect(server.address);
 * await socket.sendAll(new TextEncoder().encode("answer + 1\nquit()\n"));
 * let shown = "";
 * for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
 *   shown += new TextDecoder().decode(data);
 * }
 * console.assert(shown.includes(">>> 43\n"));
 * ```
 */
export class BackdoorServer extends StreamServer {
  /** What clients have to write first; `null` when nobody is asked. */
  readonly token: string | null;

  /**
   * Makes a server that is not listening yet.
   *
   * @param address Where to listen; a port alone, or an empty host, is that of 127.0.0.1.
   * @throws {TypeError} When others than this host could connect, and `allowRemote` is not set; when a name in `locals` cannot be
   * that of a variable; and when an argument has the wrong form.
   */
  constructor(address: Address, options: BackdoorOptions = {}) {
    const { locals = {}, banner = BANNER, token = randomToken(), ...rest } = options;
    const { allowRemote = false, ...serverOptions } = rest;
    if (token !== null && (typeof token !== "string" || token === "")) {
      throw new TypeError(
        `Cannot create a backdoor as 'token' must be a text that is not empty, or null: received ${
          Deno.inspect(token)
        }`,
      );
    }
    new Evaluator(locals); // finds out whether they can be used
    const settings: SessionSettings = { locals: { ...locals }, banner: String(banner), token };
    const target = closest(parseAddress(address), allowRemote);
    super(target as Address, (socket) => new BackdoorSession(socket, settings).run(), {
      stopTimeout: 0,
      ...("path" in target ? { mode: 0o600 } : {}),
      ...serverOptions,
    });
    this.token = token;
  }
}

/** Refuses what others than this host can reach. */
function closest(address: ParsedAddress, allowRemote: boolean): ParsedAddress {
  if ("path" in address) return address;
  const { hostname = "127.0.0.1", port } = address;
  const isLocal = /^localhost$/i.test(hostname) || hostname === "::1" ||
    familyOf(hostname) === 4 && hostname.startsWith("127.");
  if (isLocal || allowRemote) return { hostname, port };
  throw new TypeError(
    `Cannot open a backdoor that others than this host can reach, unless 'allowRemote' is set: received ${
      formatAddress(address)
    }`,
  );
}

function randomToken(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
