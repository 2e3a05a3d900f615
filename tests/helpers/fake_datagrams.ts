/**
 * A network for datagram sockets that is the test.
 *
 * @module
 */

import { DatagramSocket } from "../../net/datagram_socket.ts";
import type { DatagramOptions } from "../../net/datagram_socket.ts";
import type { DatagramDemand, DatagramTransport } from "../../net/datagram_transport.ts";
import { bytes, text } from "./sockets.ts";
import { virtualTest } from "./virtual_test.ts";

/** Who sends what the test delivers. */
export const SENDER: Deno.NetAddr = { transport: "udp", hostname: "192.0.2.7", port: 7 };

/** Datagrams come in when the test delivers them, and leave when it lets them. */
export class FakeDatagrams implements DatagramTransport {
  readonly localAddr: Deno.Addr = { transport: "udp", hostname: "127.0.0.1", port: 1 };
  remoteAddr: Deno.Addr | undefined;
  /** What was sent. */
  readonly sent: string[] = [];
  /** How often there was said to be room. */
  resumed = 0;
  closed = false;
  #receive!: (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => DatagramDemand;
  #fail!: (error: unknown) => void;
  readonly #sends: { data: Uint8Array; done: PromiseWithResolvers<number> }[] = [];
  #flowing = false;

  start(
    receive: (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => DatagramDemand,
    failed: (error: unknown) => void,
  ): void {
    this.#receive = receive;
    this.#fail = failed;
  }

  resume(): void {
    this.resumed++;
  }

  /** How many datagrams are being sent. */
  get sending(): number {
    return this.#sends.length;
  }

  /** A datagram comes; returns what is said of another one. */
  deliver(message: string): DatagramDemand {
    return this.#receive(bytes(message), SENDER);
  }

  /** Something goes wrong. */
  fail(error: unknown): void {
    this.#fail(error);
  }

  send(data: Uint8Array<ArrayBuffer>, address: Deno.Addr | undefined): Promise<number> {
    if (this.closed) throw new Error("Sent after it was closed");
    if (this.#sends.length > 0) throw new Error("Two datagrams at a time");
    const done = Promise.withResolvers<number>();
    const port = address === undefined ? "" : ` to ${(address as Deno.NetAddr).port}`;
    this.sent.push(`${text(data)}${port}`);
    this.#sends.push({ data, done });
    if (this.#flowing) this.take();
    return done.promise;
  }

  /** Lets datagrams leave, that which is being sent and those that come. What is returned was told to the sender before. */
  flow(): Promise<unknown> {
    this.#flowing = true;
    const [first] = this.#sends;
    if (first === undefined) return Promise.resolve();
    this.take();
    return first.done.promise;
  }

  /** The datagram that is being sent has left. */
  take(): void {
    const { data, done } = this.#sends.shift()!;
    done.resolve(data.length);
  }

  /** The datagram that is being sent is refused. */
  refuse(error: unknown): void {
    this.#sends.shift()!.done.reject(error);
  }

  close(): void {
    if (this.closed) throw new Error("Closed twice");
    this.closed = true;
  }
}

/** Registers a test in virtual time that is given a socket and plays the network. */
export function fakeDatagramsTest(
  name: string,
  fn: (socket: DatagramSocket, network: FakeDatagrams) => Promise<void>,
  options?: DatagramOptions,
): void {
  virtualTest(name, async () => {
    const network = new FakeDatagrams();
    using socket = new DatagramSocket(network, options);
    await fn(socket, network);
  });
}
