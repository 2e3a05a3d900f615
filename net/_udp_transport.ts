/**
 * UDP, by way of `node:dgram`: `Deno.listenDatagram` can do less, and needs a flag.
 *
 * What is special about it in this runtime: datagrams that are sent without waiting for each other go out in reverse order;
 * they are read only later, so that the buffer must not change meanwhile; a connected socket gets what others send, too; `unref` has no effect; the callbacks of what was under way are never called after `close`; and to bind
 * without the permission is an uncaught error.
 *
 * @module
 */

import type { Socket as NodeSocket } from "node:dgram";
import { until } from "../core/until.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { canonicalIpv6, familyOf } from "./_ip.ts";
import { formatAddress } from "./address.ts";
import type { DatagramControls, DatagramDemand, DatagramTransport } from "./datagram_transport.ts";

/** What is set when a socket is made. */
export interface UdpOptions {
  /** See `DatagramOptions`. */
  readonly reuseAddress?: boolean;
  /** See `DatagramOptions`. */
  readonly ipv6Only?: boolean;
  /** See `DatagramOptions`. */
  readonly receiveBuffer?: number;
  /** See `DatagramOptions`. */
  readonly sendBuffer?: number;
}

/** Errors of `node:dgram` by their codes, as the classes that they have everywhere else. */
const CLASSES: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  EACCES: Deno.errors.PermissionDenied,
  EADDRINUSE: Deno.errors.AddrInUse,
  EADDRNOTAVAIL: Deno.errors.AddrNotAvailable,
  ECONNREFUSED: Deno.errors.ConnectionRefused,
  ENETUNREACH: Deno.errors.NetworkUnreachable,
};

/** Makes a socket, bound to an IP address. */
export async function bindUdp(
  hostname: string,
  port: number,
  options: UdpOptions,
  wait: WaitOptions,
): Promise<UdpTransport> {
  await requirePermission(hostname, port);
  const dgram = await until(import("node:dgram"), wait);
  const { reuseAddress = false, ipv6Only = false, receiveBuffer, sendBuffer } = options;
  const socket = dgram.createSocket({
    type: familyOf(hostname) === 6 ? "udp6" : "udp4",
    reuseAddr: reuseAddress,
    ipv6Only,
    ...(receiveBuffer === undefined ? {} : { recvBufferSize: receiveBuffer }),
    ...(sendBuffer === undefined ? {} : { sendBufferSize: sendBuffer }),
  });
  const bound = Promise.withResolvers<void>();
  socket.once("error", bound.reject);
  socket.bind({ address: hostname, port, exclusive: true }, bound.resolve);
  try {
    await until(bound.promise, wait);
  } catch (error) {
    socket.close();
    throw translate(error);
  }
  socket.off("error", bound.reject);
  return new UdpTransport(socket);
}

/** A bound socket. */
export class UdpTransport implements DatagramTransport {
  readonly localAddr: Deno.Addr;
  remoteAddr: Deno.Addr | undefined;
  readonly #socket: NodeSocket;
  /** Nobody is told of errors before somebody wants to receive: those of binding and connecting have their own way. */
  #failed: ((error: unknown) => void) | undefined;
  readonly #reception: Reception | undefined;
  #paused = false;

  constructor(socket: NodeSocket) {
    this.#socket = socket;
    this.#reception = receptionOf(socket);
    socket.on("error", (error) => this.#failed?.(translate(error)));
    const { address, port } = socket.address();
    this.localAddr = { transport: "udp", hostname: address, port };
  }

  /** Exchanges datagrams with one address only from now on. */
  async connect(hostname: string, port: number, wait: WaitOptions): Promise<void> {
    await requirePermission(hostname, port);
    const connected = Promise.withResolvers<void>();
    this.#socket.once("error", connected.reject);
    this.#socket.connect(port, hostname, () => connected.resolve());
    try {
      await until(connected.promise, wait);
    } catch (error) {
      throw translate(error);
    }
    this.#socket.off("error", connected.reject);
    this.remoteAddr = { transport: "udp", hostname, port };
  }

  start(
    receive: (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => DatagramDemand,
    failed: (error: unknown) => void,
  ): void {
    const peer = this.remoteAddr as Deno.NetAddr | undefined;
    this.#socket.on("message", (message, { address, port }) => {
      if (peer !== undefined && !(port === peer.port && isSame(address, peer.hostname))) return;
      // A copy, as the runtime lends each datagram 64 KiB, however short it is.
      const from: Deno.NetAddr = { transport: "udp", hostname: address, port };
      if (receive(new Uint8Array(message), from) !== "full" || this.#reception === undefined) {
        return;
      }
      this.#paused = true;
      this.#reception.recvStop();
    });
    this.#failed = failed;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#reception!.recvStart();
  }

  send(data: Uint8Array<ArrayBuffer>, address: Deno.Addr | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = (address ?? this.remoteAddr) as Deno.NetAddr;
      const done = (error: Error | null): void => {
        if (error) reject(explain(error, hostname, port));
        else resolve(data.length);
      };
      if (address === undefined) this.#socket.send(data, done);
      else this.#socket.send(data, port, hostname, done);
    });
  }

  close(): void {
    this.#socket.close();
  }

  get controls(): DatagramControls {
    const socket = this.#socket;
    return {
      setBroadcast: (allowed) => socket.setBroadcast(allowed),
      setTtl: (hops) => void socket.setTTL(hops),
      setMulticastTtl: (hops) => void socket.setMulticastTTL(hops),
      setMulticastLoopback: (on) => void socket.setMulticastLoopback(on),
      setMulticastInterface: (address) => socket.setMulticastInterface(address),
      joinMulticast: (group, networkInterface) => socket.addMembership(group, networkInterface),
      leaveMulticast: (group, networkInterface) => socket.dropMembership(group, networkInterface),
    };
  }
}

/** What a socket of `node:dgram` receives with. */
interface Reception {
  recvStart(): void;
  recvStop(): void;
}

/**
 * Reception can be paused by what is inside a socket only. Without that, a flood would keep the program busy with receiving what
 * it has to drop; the system does that for less.
 */
function receptionOf(socket: NodeSocket): Reception | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) =>
    description === "kStateSymbol"
  );
  const state = key && (socket as unknown as Record<symbol, { handle?: Partial<Reception> }>)[key];
  const handle = state?.handle;
  const isThere = typeof handle?.recvStart === "function" && typeof handle.recvStop === "function";
  return isThere ? handle as Reception : undefined;
}

function isSame(address: string, other: string): boolean {
  if (address === other) return true;
  return address.includes(":") && other.includes(":") &&
    canonicalIpv6(address) === canonicalIpv6(other);
}

/** Asks for the permission as the runtime would, but so that its lack is an error that can be caught. */
async function requirePermission(hostname: string, port: number): Promise<void> {
  const descriptor = netPermission(hostname, port);
  if (Deno.permissions.querySync(descriptor).state === "granted") return;
  if ((await Deno.permissions.request(descriptor)).state !== "granted") {
    throw notCapable(hostname, port);
  }
}

function netPermission(hostname: string, port: number): Deno.NetPermissionDescriptor {
  return { name: "net", host: formatAddress({ hostname: hostname.replace(/%.*$/, ""), port }) };
}

function notCapable(hostname: string, port: number): Error {
  const host = formatAddress({ hostname, port });
  return new Deno.errors.NotCapable(
    `Requires net access to "${host}", run again with the --allow-net flag`,
  );
}

/** The error of a send: that it was not permitted is among what the runtime does not say. */
function explain(error: Error, hostname: string, port: number): unknown {
  const { state } = Deno.permissions.querySync(netPermission(hostname, port));
  return state === "granted" ? translate(error) : notCapable(hostname, port);
}

function translate(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  const type = CLASSES[code ?? ""];
  return type === undefined ? error : new type(message, { cause: error });
}
