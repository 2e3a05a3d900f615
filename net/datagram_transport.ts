/**
 * What datagram sockets stand on.
 *
 * @module
 */

/**
 * A message, and who has sent it. A datagram over a unix socket comes from the path that its sender has bound, if any.
 *
 * @example
 * ```ts
 * import { type Datagram, DatagramSocket } from "@gevent/deno/net";
 *
 * using socket = await DatagramSocket.bind("127.0.0.1:0");
 * await socket.sendTo(new Uint8Array([1]), socket.localAddr);
 * const [data, address]: Datagram = await socket.recvFrom({ timeout: 5000 });
 * console.assert(data[0] === 1 && address.transport === "udp");
 * ```
 */
export type Datagram = [data: Uint8Array<ArrayBuffer>, address: Deno.Addr];

/**
 * Settings of UDP sockets that are changed while they are in use.
 *
 * @example
 * ```ts
 * import type { DatagramControls } from "@gevent/deno/net";
 *
 * const names: (keyof DatagramControls)[] = ["setBroadcast", "setTtl"];
 * console.assert(names.length === 2);
 * ```
 */
export interface DatagramControls {
  /** See `DatagramSocket.setBroadcast`. */
  setBroadcast(allowed: boolean): void;
  /** See `DatagramSocket.setTtl`. */
  setTtl(hops: number): void;
  /** See `DatagramSocket.setMulticastTtl`. */
  setMulticastTtl(hops: number): void;
  /** See `DatagramSocket.setMulticastLoopback`. */
  setMulticastLoopback(on: boolean): void;
  /** See `DatagramSocket.setMulticastInterface`. */
  setMulticastInterface(address: string): void;
  /** See `DatagramSocket.joinMulticast`. */
  joinMulticast(group: string, networkInterface: string | undefined): void;
  /** See `DatagramSocket.leaveMulticast`. */
  leaveMulticast(group: string, networkInterface: string | undefined): void;
}

/**
 * What a `DatagramSocket` says of further datagrams: that a greenlet waits for one, that there is room to keep one, or neither.
 *
 * @example
 * ```ts
 * import type { DatagramDemand } from "@gevent/deno/net";
 *
 * const demands: DatagramDemand[] = ["waited", "room", "full"];
 * console.assert(demands.length === 3);
 * ```
 */
export type DatagramDemand = "waited" | "room" | "full";

/**
 * What brings and takes the datagrams of a `DatagramSocket`: those of the runtime, or one of your own, for example in a test.
 *
 * @example A network whose only member talks to itself
 * ```ts
 * import { DatagramSocket, type DatagramTransport } from "@gevent/deno/net";
 *
 * const localAddr: Deno.Addr = { transport: "udp", hostname: "127.0.0.1", port: 1 };
 * let receive: Parameters<DatagramTransport["start"]>[0];
 * const transport: DatagramTransport = {
 *   localAddr,
 *   start: (deliver) => void (receive = deliver),
 *   resume: () => {},
 *   close: () => {},
 *   async send(data) {
 *     receive(data, localAddr);
 *     return data.length;
 *   },
 * };
 * using socket = new DatagramSocket(transport);
 * await socket.sendTo(new Uint8Array([7]), "127.0.0.1:1");
 * console.assert((await socket.recv())[0] === 7);
 * ```
 */
export interface DatagramTransport {
  /** Its own address. */
  readonly localAddr: Deno.Addr;
  /** The only address it exchanges datagrams with, if it is connected. */
  readonly remoteAddr?: Deno.Addr | undefined;
  /** Settings, if it has any. */
  readonly controls?: DatagramControls;
  /**
   * Begins to receive; called once. `receive` takes over each datagram and says what becomes of the next one: a transport that
   * can leave datagrams in the system does so when there is no room for more, until {@link DatagramTransport.resume} is called.
   * `failed` is told what goes wrong.
   */
  start(
    receive: (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => DatagramDemand,
    failed: (error: unknown) => void,
  ): void;
  /** Somebody waits for a datagram, or there is room again. */
  resume(): void;
  /**
   * Sends a datagram and returns its size; must not throw but reject. Is called again only when that is over, and never after
   * `close`.
   *
   * @param address `undefined` for that of `remoteAddr`.
   */
  send(data: Uint8Array<ArrayBuffer>, address: Deno.Addr | undefined): Promise<number>;
  /** Ends it; called once. */
  close(): void;
}
