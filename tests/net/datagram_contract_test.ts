import { assertEquals } from "@std/assert";
import type { WaitOptions } from "../../core/suspend.ts";
import { DatagramSocket } from "../../net/datagram_socket.ts";
import { type Primitive, testBlockingContract } from "../contract/blocking_contract.ts";
import { FakeDatagrams, SENDER } from "../helpers/fake_datagrams.ts";
import { bytes } from "../helpers/sockets.ts";

/** A call that receives the datagram `ab`. */
function receiving(
  name: string,
  value: unknown,
  receive: (socket: DatagramSocket, options?: WaitOptions) => Promise<unknown>,
): Primitive {
  return {
    name: `DatagramSocket.${name}`,
    waitsFor: "DatagramSocket.recvFrom",
    make() {
      const network = new FakeDatagrams();
      const socket = new DatagramSocket(network);
      return {
        call: (options) => receive(socket, options),
        value,
        expired: "timeout",
        wake: () => void network.deliver("ab"),
        untouched: () => assertEquals(socket.pending, 0),
        cleanUp: () => socket.close(),
      };
    },
  };
}

/** A call that sends one byte. */
function sending(
  name: string,
  send: (socket: DatagramSocket, options?: WaitOptions) => Promise<unknown>,
): Primitive {
  return {
    name: `DatagramSocket.${name}`,
    waitsFor: "DatagramSocket.sendTo",
    linked: true, // that it was sent is told by a promise, which is slower than a timer that is due
    make() {
      const network = new FakeDatagrams();
      network.remoteAddr = SENDER;
      const socket = new DatagramSocket(network);
      return {
        call: (options) => send(socket, options),
        value: 1,
        expired: "timeout",
        wake: () => void network.flow(),
        wakeThen: (action) => void network.flow().then(action),
        cleanUp: () => socket.close(),
      };
    },
  };
}

const PRIMITIVES: readonly Primitive[] = [
  receiving("recvFrom()", [bytes("ab"), SENDER], (socket, options) => socket.recvFrom(options)),
  receiving("recv()", bytes("ab"), (socket, options) => socket.recv(options)),
  sending("sendTo()", (socket, options) => socket.sendTo(bytes("x"), "127.0.0.1:1", options)),
  sending("send()", (socket, options) => socket.send(bytes("x"), options)),
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);
