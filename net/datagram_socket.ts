/**
 * Sockets for single messages: UDP, and datagrams over unix sockets.
 *
 * The file is long because the class is the public face of one thing, and much of it is documentation; what sends, and what the
 * transports do, have files of their own.
 *
 * @module
 */

import { requireCount, requireOptions } from "../core/arguments.ts";
import { Deque } from "../core/deque.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { limited } from "../core/timeout.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import { DatagramSender } from "./_datagram_sender.ts";
import { familyOf } from "./_ip.ts";
import { nameAddress } from "./_runtime_errors.ts";
import { bindUdp } from "./_udp_transport.ts";
import { bindUnixDatagrams } from "./_unix_datagrams.ts";
import { Watchers } from "./_watchers.ts";
import { type Address, formatAddress, parseAddress, type ParsedAddress } from "./address.ts";
import type {
  Datagram,
  DatagramControls,
  DatagramDemand,
  DatagramTransport,
} from "./datagram_transport.ts";
import type { Readiness, Selectable } from "./readiness.ts";
import { Resolver } from "./resolver.ts";

const RECEIVE: WaitKind<Datagram> = { name: "DatagramSocket.recvFrom" };

/** The longest datagram there is. */
const LARGEST = 65535;

/**
 * What a datagram socket takes when it is made.
 *
 * @example
 * ```ts
 * import { type DatagramOptions, DatagramSocket } from "@gevent/deno/net";
 *
 * const options: DatagramOptions = { backlog: 10, maxSize: 1500 };
 * using socket = await DatagramSocket.bind("127.0.0.1:0", options);
 * console.assert(socket.pending === 0);
 * ```
 */
export interface DatagramOptions {
  /**
   * How many UDP datagrams are kept that nobody has received yet; default 1024. Those that come when there is no more room stay
   * in the system, which drops what does not fit into its own buffer. Over unix sockets none are dropped: their senders wait.
   */
  readonly backlog?: number;
  /** The longest datagram that is received, in bytes; default 65535. Longer ones are dropped, and counted in `dropped`. */
  readonly maxSize?: number;
  /** Let several sockets be bound to the same UDP port, for example to all receive what is sent to a multicast group. */
  readonly reuseAddress?: boolean;
  /** Do not exchange datagrams over IPv4 when bound to `[::]`. */
  readonly ipv6Only?: boolean;
  /** The size of the system's buffer for UDP datagrams that were received, in bytes; by default the system decides. */
  readonly receiveBuffer?: number;
  /** The size of the system's buffer for UDP datagrams that are to be sent, in bytes; by default the system decides. */
  readonly sendBuffer?: number;
  /** Who looks host names up; default `Resolver.default`. */
  readonly resolver?: Resolver;
}

/**
 * What `DatagramSocket.connect` takes.
 *
 * @example
 * ```ts
 * import { type DatagramConnectOptions, DatagramSocket } from "@gevent/deno/net";
 *
 * const options: DatagramConnectOptions = { localAddress: "127.0.0.1:0" };
 * using socket = await DatagramSocket.connect("127.0.0.1:9", options);
 * console.assert((socket.localAddr as Deno.NetAddr).hostname === "127.0.0.1");
 * ```
 */
export interface DatagramConnectOptions extends DatagramOptions {
  /** Where the datagrams come from; by default the system chooses. */
  readonly localAddress?: Address;
}

/**
 * A socket for datagrams in blocking style: gevent's `socket(type=SOCK_DGRAM)`.
 *
 * A kill or a timeout ends any wait at once and loses no datagram: what comes then goes to the next receiver. Any number of
 * greenlets may receive; they are served in the order of their calls. Datagrams are sent one after the other, in the order of
 * the calls; a copy is sent, so the buffer may be used again at once. One that was under way when its sender was interrupted is
 * sent all the same. Closing wakes all with `Deno.errors.BadResource`.
 *
 * UDP works without flags. The runtime keeps the process alive as long as a UDP socket is open, and does not tell the scope of
 * link-local IPv6 addresses that it receives from. Datagrams over unix sockets need `--unstable-net`, and there the runtime can
 * not send while somebody waits to receive, nor after such a wait was interrupted: `sendTo` then throws `Deno.errors.Busy`.
 *
 * @example
 * ```ts
 * import { DatagramSocket } from "@gevent/deno/net";
 *
 * using server = await DatagramSocket.bind("127.0.0.1:0");
 * using client = await DatagramSocket.connect(server.localAddr as Deno.NetAddr);
 * await client.send(new TextEncoder().encode("ping"));
 * const [data, address] = await server.recvFrom({ timeout: 5000 });
 * await server.sendTo(data, address);
 * console.assert((await client.recv({ timeout: 5000 })).length === 4);
 * ```
 */
export class DatagramSocket implements Selectable, Disposable, AsyncIterable<Datagram> {
  readonly #transport: DatagramTransport;
  readonly #backlog: number;
  readonly #maxSize: number;
  readonly #resolver: Resolver;
  readonly #unread = new Deque<Datagram>();
  readonly #receivers = new WaitQueue<Datagram>();
  readonly #sender: DatagramSender;
  readonly #watchers = { read: new Watchers(), write: new Watchers() };
  #failure: { readonly error: unknown } | undefined;
  #closed = false;
  #dropped = 0;
  #timeout: number | null = null;

  /** Takes over a transport; sockets of the system are made with {@link DatagramSocket.bind} and {@link DatagramSocket.connect}. */
  constructor(transport: DatagramTransport, options: DatagramOptions = {}) {
    checkDatagramOptions(options);
    const { backlog = 1024, maxSize = LARGEST, resolver = Resolver.default } = options;
    this.#transport = transport;
    this.#backlog = backlog;
    this.#maxSize = maxSize;
    this.#resolver = resolver;
    this.#sender = new DatagramSender(transport, () => this.#tellWatchers());
    transport.start(
      (data, address) => this.#deliver(data, address),
      (error) => this.#fail(error),
    );
  }

  /**
   * Makes a socket with an address of its own.
   *
   * @param address Where it receives; by default at a port that the system chooses, on all interfaces with IPv4.
   * @throws {Deno.errors.AddrInUse} And other errors of the runtime; the message names the address.
   * @throws {Deno.errors.NotSupported} For a path, when Deno was started without `--unstable-net`.
   * @throws {Deno.errors.NotFound} When the host is not known.
   */
  static async bind(
    address: Address = 0,
    options: DatagramOptions & WaitOptions = {},
  ): Promise<DatagramSocket> {
    checkDatagramOptions(options);
    return await limited(options.timeout, async () => {
      const wanted = parseAddress(address);
      try {
        return new DatagramSocket(await bindTransport(wanted, options), options);
      } catch (error) {
        nameAddress(error, wanted);
        throw error;
      }
    });
  }

  /**
   * Makes a UDP socket that exchanges datagrams with one address only. Nothing is sent yet, so it does not show whether anybody
   * is there.
   *
   * @throws {TypeError} When the address is a path.
   * @throws {Deno.errors.NotFound} When the host is not known.
   */
  static async connect(
    address: Address,
    options: DatagramConnectOptions & WaitOptions = {},
  ): Promise<DatagramSocket> {
    checkDatagramOptions(options);
    return await limited(options.timeout, async () => {
      const { signal, localAddress = 0, resolver = Resolver.default } = options;
      const [peer, local] = [parseAddress(address), parseAddress(localAddress)];
      if ("path" in peer || "path" in local) {
        throw new TypeError(
          `Cannot connect a datagram socket to a path: received ${Deno.inspect(address)}`,
        );
      }
      const family = local.hostname === undefined ? 0 : familyOf(local.hostname);
      const host = await resolver.lookup(peer.hostname ?? "localhost", { family, signal });
      const everywhere = host.family === 6 ? "::" : "0.0.0.0";
      const hostname = local.hostname ?? everywhere;
      const transport = await bindUdp(hostname, local.port, options, { signal });
      try {
        await transport.connect(host.address, peer.port, { signal });
      } catch (error) {
        transport.close();
        throw error;
      }
      return new DatagramSocket(transport, options);
    });
  }

  /** The timeout in ms of every operation that is not given one; `null`, the default, for none. */
  get timeout(): number | null {
    return this.#timeout;
  }

  set timeout(ms: number | null) {
    if (ms !== null && !(typeof ms === "number" && ms >= 0)) {
      throw new RangeError(
        `Cannot set the timeout of a socket as it must be null or not negative: received ${
          Deno.inspect(ms)
        }`,
      );
    }
    this.#timeout = ms;
  }

  /** The address of this end. */
  get localAddr(): Deno.Addr {
    return this.#transport.localAddr;
  }

  /** The only address it exchanges datagrams with; `undefined` unless it was made by {@link DatagramSocket.connect}. */
  get remoteAddr(): Deno.Addr | undefined {
    return this.#transport.remoteAddr;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many datagrams can be had without waiting. */
  get pending(): number {
    return this.#unread.size;
  }

  /**
   * How many datagrams were dropped because they were too long, or because there was no room for them and the transport did not
   * stop; what the system drops is not known.
   */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Waits for a datagram and returns it with the address of its sender.
   *
   * @throws {Timeout} When none comes in time.
   */
  recvFrom(options?: WaitOptions): Promise<Datagram> {
    const limits = this.#limited(options);
    const refused = checkpoint(limits);
    if (refused !== undefined) return refused;
    const unread = this.#unread.shift();
    if (unread !== undefined) {
      // Not for each single one: pausing and resuming costs more than receiving.
      if (this.#unread.size === this.#backlog >> 1) this.#transport.resume();
      return completed(unread);
    }
    if (this.#closed) return Promise.reject(badResource());
    if (this.#failure !== undefined) return Promise.reject(this.#takeFailure());
    return parkWait<Datagram>(
      (wait) => {
        this.#receivers.add(wait);
        this.#transport.resume();
      },
      limits,
      RECEIVE,
    );
  }

  /** {@link DatagramSocket.recvFrom} without the address. */
  async recv(options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    const [data] = await this.recvFrom(options);
    return data;
  }

  /**
   * Sends a datagram to an address, and returns its size. A host name is looked up, for an address of the socket's family.
   *
   * That it was sent does not mean that it arrives.
   *
   * @throws {Error} With `code` `"EMSGSIZE"` when it is too long.
   * @throws {Timeout} When the system does not take it in time.
   * @throws {TypeError} When `data` are no bytes, or the address makes no sense for the socket.
   */
  async sendTo(
    data: Uint8Array,
    address: Address | Deno.Addr,
    options?: WaitOptions,
  ): Promise<number> {
    const target = parseAddress(address as Address);
    const limits = this.#limited(options);
    const { localAddr } = this.#transport;
    if (("path" in target) !== ("path" in localAddr)) {
      throw new TypeError(
        `Cannot send to ${formatAddress(target)} from ${formatAddress(localAddr)}`,
      );
    }
    if ("path" in target) {
      return await this.#sender.send(data, { transport: "unixpacket", path: target.path }, limits);
    }
    const { hostname = "localhost", port } = target;
    if (familyOf(hostname) !== 0) {
      return await this.#sender.send(data, { transport: "udp", hostname, port }, limits);
    }
    return await limited(limits?.timeout, async () => {
      const family = familyOf((localAddr as Deno.NetAddr).hostname);
      const { signal } = limits ?? {};
      const { address } = await this.#resolver.lookup(hostname, { family, signal });
      return await this.#sender.send(data, { transport: "udp", hostname: address, port }, {
        signal,
      });
    });
  }

  /**
   * Sends a datagram to the address that it was connected to, and returns its size; see {@link DatagramSocket.sendTo}.
   *
   * @throws {TypeError} When it was not connected.
   */
  send(data: Uint8Array, options?: WaitOptions): Promise<number> {
    if (this.#transport.remoteAddr === undefined) {
      return Promise.reject(
        new TypeError(`Cannot send without an address: ${this} is not connected`),
      );
    }
    return this.#sender.send(data, undefined, this.#limited(options));
  }

  /** Whether datagrams may be sent to broadcast addresses (UDP); by default they may not. */
  setBroadcast(allowed = true): void {
    this.#controls.setBroadcast(allowed);
  }

  /** Over how many hops datagrams may go (UDP), 1 to 255. */
  setTtl(hops: number): void {
    this.#controls.setTtl(hops);
  }

  /** Over how many hops datagrams to multicast groups may go (UDP), 0 to 255; 1 by default, which is the local network. */
  setMulticastTtl(hops: number): void {
    this.#controls.setMulticastTtl(hops);
  }

  /** Whether datagrams to multicast groups come to members on the same host, too (UDP); by default they do. */
  setMulticastLoopback(on = true): void {
    this.#controls.setMulticastLoopback(on);
  }

  /** Over which interface datagrams to multicast groups are sent (UDP): its address, or `::%eth0` with IPv6. */
  setMulticastInterface(address: string): void {
    this.#controls.setMulticastInterface(address);
  }

  /**
   * Receives what is sent to a multicast group, too (UDP).
   *
   * @param networkInterface The address of the interface, or `::%eth0` with IPv6; by default the system chooses one.
   */
  joinMulticast(group: string, networkInterface?: string): void {
    this.#controls.joinMulticast(group, networkInterface);
  }

  /** Takes {@link DatagramSocket.joinMulticast} back. */
  leaveMulticast(group: string, networkInterface?: string): void {
    this.#controls.leaveMulticast(group, networkInterface);
  }

  /** What `select` goes by. */
  get readiness(): Readiness {
    const failed = this.#closed || this.#failure !== undefined;
    return {
      readable: failed || this.#unread.size > 0,
      writable: this.#closed || !this.#sender.busy,
      failed,
      closed: this.#closed,
      watch: (direction, changed) => {
        const stop = this.#watchers[direction].add(changed);
        if (direction === "read" && !failed) this.#transport.resume();
        return stop;
      },
    };
  }

  /** Closes it at once and wakes whoever waits; datagrams that nobody has received are dropped. Closing again is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unread.clear();
    this.#receivers.failAll(badResource);
    this.#transport.close();
    this.#sender.fail(badResource);
    this.#tellWatchers();
  }

  /** The end of a `using` block: {@link DatagramSocket.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The datagrams as they come, for `for await`; ends when the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void, void> {
    while (!this.#closed) {
      try {
        yield await this.recvFrom();
      } catch (error) {
        if (this.#closed && error instanceof Deno.errors.BadResource) return;
        throw error;
      }
    }
  }

  /** For example `<DatagramSocket 127.0.0.1:8000>`. */
  toString(): string {
    if (this.#closed) return "<DatagramSocket [closed]>";
    const { remoteAddr } = this;
    const to = remoteAddr === undefined ? "" : ` to ${formatAddress(remoteAddr)}`;
    return `<DatagramSocket ${formatAddress(this.localAddr)}${to}>`;
  }

  /** Gives a datagram to whoever has waited longest, or keeps it; says what becomes of the next one. */
  #deliver(data: Uint8Array<ArrayBuffer>, address: Deno.Addr): DatagramDemand {
    if (this.#closed) return "full";
    if (data.length > this.#maxSize) {
      this.#dropped++;
    } else if (!this.#receivers.resumeFirst([data, address])) {
      if (this.#unread.size < this.#backlog) this.#unread.push([data, address]);
      else this.#dropped++;
      this.#tellWatchers();
    }
    // Those who watch wait only as long as there is none.
    if (this.#receivers.size > 0 || this.#unread.size === 0 && this.#watchers.read.any) {
      return "waited";
    }
    return this.#unread.size < this.#backlog ? "room" : "full";
  }

  #tellWatchers(): void {
    this.#watchers.read.tell();
    this.#watchers.write.tell();
  }

  /** Tells whoever has waited longest, or the next to receive. */
  #fail(error: unknown): void {
    if (this.#closed) return;
    const { first } = this.#receivers;
    if (first !== null) first.fail(error);
    else this.#failure = { error };
    this.#tellWatchers();
  }

  #takeFailure(): unknown {
    const { error } = this.#failure!;
    this.#failure = undefined;
    return error;
  }

  get #controls(): DatagramControls {
    if (this.#closed) throw badResource();
    const { controls } = this.#transport;
    if (controls !== undefined) return controls;
    throw new TypeError(`Cannot change the settings of ${this}, as it is no UDP socket`);
  }

  #limited(options: WaitOptions | undefined): WaitOptions | undefined {
    if (this.#timeout === null || options?.timeout !== undefined) return options;
    return { ...options, timeout: this.#timeout };
  }
}

/** Refuses options that make no sense, before anything is opened with them. */
export function checkDatagramOptions(options: DatagramOptions): void {
  requireOptions(options);
  requireCount(options.backlog ?? 1, "backlog", 1);
  requireCount(options.maxSize ?? 1, "maxSize", 1);
}

async function bindTransport(
  address: ParsedAddress,
  options: DatagramOptions & WaitOptions,
): Promise<DatagramTransport> {
  if ("path" in address) return bindUnixDatagrams(address.path, options.maxSize ?? LARGEST);
  const { signal, resolver = Resolver.default } = options;
  const { hostname = "0.0.0.0", port } = address;
  const found = await resolver.lookup(hostname, { signal });
  return await bindUdp(found.address, port, options, { signal });
}

function badResource(): Error {
  return new Deno.errors.BadResource("The socket was closed in another greenlet");
}
