/**
 * Asking the runtime and the system for names.
 *
 * How long an answer is good is told by nobody but `node:dns`, for addresses, and there only for the address records: a
 * CNAME on the way to them may live shorter. A name that does not exist and a name server that fails are reported alike.
 *
 * @module
 */

import { original } from "../core/originals.ts";

let nodeDns: Promise<typeof import("node:dns")> | undefined;

/** Loaded when it is first used, as that takes some time. */
function loadNodeDns(): Promise<typeof import("node:dns")> {
  return nodeDns ??= import("node:dns");
}

/** A name server to ask instead of the system's. */
export interface ServerAddress {
  /** Its IP address. */
  readonly ipAddr: string;
  /** Its port. */
  readonly port: number;
}

/** The records that a name server has given. */
export interface RuntimeRecords {
  /** In the form that `Deno.resolveDns` gives them. */
  readonly records: readonly unknown[];
  /** For how many ms they are good, if that was told. */
  readonly ttl: number | undefined;
}

/**
 * The addresses of a host, as `getaddrinfo` of the system finds them: in the hosts file first, as a rule.
 *
 * @throws {Deno.errors.NotFound} When it has none.
 * @throws {Deno.errors.NotCapable} Without the permission to use the network for that host.
 */
export async function lookUpHost(
  hostname: string,
  family: 0 | 4 | 6,
): Promise<{ address: string; family: 4 | 6 }[]> {
  const { promises: dns } = await loadNodeDns();
  try {
    const found = await dns.lookup(hostname, { all: true, family, verbatim: true });
    if (found.length > 0) return found as { address: string; family: 4 | 6 }[];
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EPERM") {
      throw new Deno.errors.NotCapable(
        `Requires net access to "${hostname}", run again with the --allow-net flag`,
      );
    }
    if (code !== "ENOTFOUND") throw error;
  }
  throw new Deno.errors.NotFound(`Cannot look up '${hostname}': the host is not known`);
}

/**
 * The records of a name.
 *
 * @throws {Deno.errors.NotFound} When there are none.
 * @throws {Deno.errors.TimedOut} When the name server does not answer.
 * @throws {Deno.errors.NotCapable} Without the permission to use the network for the name server.
 */
export async function queryRecords(
  name: string,
  type: Deno.RecordType,
  server: ServerAddress | undefined,
  signal: AbortSignal,
): Promise<RuntimeRecords> {
  if ((type === "A" || type === "AAAA") && tellsTtl(server)) {
    const answer = await queryAddresses(name, type, server, signal);
    if (answer !== undefined) return answer;
  }
  try {
    const options = server === undefined ? { signal } : { signal, nameServer: server };
    const records = await original(Deno, "resolveDns")(name, type as "A", options);
    if (records.length > 0) return { records, ttl: undefined };
  } catch (error) {
    if (error instanceof Deno.errors.TimedOut) throw noAnswer(name, type);
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw noRecords(name, type);
}

/** Whether the way that tells lifetimes can be gone: to choose a server `node:dns` wants one permission more. */
function tellsTtl(server: ServerAddress | undefined): boolean {
  if (server === undefined) return true;
  const permission = { name: "sys", kind: "networkInterfaces" } as const;
  return Deno.permissions.querySync(permission).state === "granted";
}

/** The records with their lifetime; `undefined` when something is wrong that it does not tell. */
async function queryAddresses(
  name: string,
  type: "A" | "AAAA",
  server: ServerAddress | undefined,
  signal: AbortSignal,
): Promise<RuntimeRecords | undefined> {
  const { promises: dns } = await loadNodeDns();
  signal.throwIfAborted();
  const resolver = new dns.Resolver(); // one for each query, as it cancels all that it has
  if (server !== undefined) {
    const { ipAddr, port } = server;
    resolver.setServers([ipAddr.includes(":") ? `[${ipAddr}]:${port}` : `${ipAddr}:${port}`]);
  }
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const found = type === "A"
      ? await resolver.resolve4(name, { ttl: true })
      : await resolver.resolve6(name, { ttl: true });
    if (found.length === 0) throw noRecords(name, type);
    const ttl = Math.min(...found.map((record) => record.ttl)) * 1000;
    return { records: found.map((record) => record.address), ttl };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOTFOUND" || code === "ENODATA") throw noRecords(name, type);
    if (code === "ETIMEOUT") throw noAnswer(name, type);
    if (code === "UNKNOWN") return undefined;
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function noRecords(name: string, type: string): Error {
  return new Deno.errors.NotFound(`Cannot resolve '${name}': there are no ${type} records`);
}

function noAnswer(name: string, type: string): Error {
  return new Deno.errors.TimedOut(
    `Cannot resolve '${name}': the name server does not answer the question for ${type} records`,
  );
}
