/**
 * Opening TCP connections to hosts, by name or by address.
 *
 * @module
 */

import { ioTurn } from "../core/clock.ts";
import { original } from "../core/originals.ts";
import type { WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { AllFailed, connectToFirst, type FailedAttempt, interleave } from "./_happy_eyeballs.ts";
import { familyOf } from "./_ip.ts";
import { nameAddress } from "./_runtime_errors.ts";
import { formatAddress } from "./address.ts";
import type { Resolver } from "./resolver.ts";

const CONNECT: WaitKind<Deno.TcpConn> = { name: "connect" };

/** How a connection is opened. */
export interface OpenTcpOptions extends WaitOptions {
  /** Who looks the name up. */
  readonly resolver: Resolver;
  /** See `ConnectOptions.attemptDelay`. */
  readonly attemptDelay: number;
}

/**
 * Connects to the first address of a host that answers.
 *
 * @throws {Deno.errors.NotFound} When the host is not known.
 * @throws The last error, when no address can be connected to; with several addresses its cause has all.
 */
export async function openTcp(
  hostname: string,
  port: number,
  options: OpenTcpOptions,
): Promise<Deno.TcpConn> {
  const { resolver, attemptDelay, signal } = options;
  const addresses = await addressesToTry(hostname, port, resolver, signal);
  try {
    return await connectToFirst(
      addresses,
      {
        open: (address, signal) => open(address, port, signal),
        discard: (late) => late.close(),
        delay: attemptDelay,
      },
      { signal },
      CONNECT,
    );
  } catch (error) {
    throw error instanceof AllFailed ? describe(error.attempts, hostname, port) : error;
  }
}

/**
 * Connects to an address. When it is aborted in the moment in which it succeeds, the runtime loses the connection and never
 * closes it: so the news of a success that is on its way gets time to arrive first.
 */
async function open(hostname: string, port: number, signal: AbortSignal): Promise<Deno.TcpConn> {
  const late = new AbortController();
  const onAbort = async (): Promise<void> => {
    await ioTurn();
    await ioTurn();
    late.abort(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await original(Deno, "connect")({ hostname, port, signal: late.signal });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The addresses of a host; its name alone when the runtime has to find them, in its own way, for want of permissions. */
async function addressesToTry(
  hostname: string,
  port: number,
  resolver: Resolver,
  signal: AbortSignal | null | undefined,
): Promise<string[]> {
  if (familyOf(hostname) !== 0) return [hostname];
  try {
    const found = await resolver.lookup(hostname, { all: true, signal });
    const addresses = interleave(found).map(({ address }) => address);
    return addresses.every((address) => isPermitted(address, port)) ? addresses : [hostname];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return [hostname];
    throw error;
  }
}

/** `--allow-net=example.com` is no permission to connect to the addresses of that host as such. */
function isPermitted(address: string, port: number): boolean {
  const host = formatAddress({ hostname: address.replace(/%.*$/, ""), port });
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

/** The error for the caller: the last one, as it would be for one address, so that its class says what is wrong. */
function describe(attempts: readonly FailedAttempt[], hostname: string, port: number): unknown {
  const errors = attempts.map(({ address, error }) => {
    nameAddress(error, { hostname: address, port });
    return error;
  });
  const last = errors.at(-1);
  if (errors.length === 1 || !(last instanceof Error)) return last;
  last.cause = new AggregateError(
    errors,
    `None of the addresses of ${hostname} could be connected to`,
  );
  return last;
}
