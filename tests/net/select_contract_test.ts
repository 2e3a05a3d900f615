import { assertEquals } from "@std/assert";
import type { WaitOptions } from "../../core/suspend.ts";
import { DatagramSocket } from "../../net/datagram_socket.ts";
import { Poller } from "../../net/poller.ts";
import type { Readiness, Selectable } from "../../net/readiness.ts";
import { select, waitRead, waitWrite } from "../../net/select.ts";
import {
  type Fixture,
  type Primitive,
  testBlockingContract,
} from "../contract/blocking_contract.ts";
import { FakeDatagrams } from "../helpers/fake_datagrams.ts";

/** Becomes writable when the test says so. */
class Writable implements Selectable {
  readonly watchers = new Set<() => void>();
  writable = false;

  get readiness(): Readiness {
    return {
      readable: false,
      writable: this.writable,
      failed: false,
      closed: false,
      watch: (_direction, changed) => {
        this.watchers.add(changed);
        return () => this.watchers.delete(changed);
      },
    };
  }
}

/** A call that waits for a datagram. */
function readPrimitive(
  name: string,
  waitsFor: string,
  rest: Pick<Fixture, "value"> & Required<Pick<Fixture, "expired">>,
  call: (socket: DatagramSocket, options?: WaitOptions) => Promise<unknown>,
): Primitive {
  return {
    name,
    waitsFor,
    make() {
      const network = new FakeDatagrams();
      const socket = new DatagramSocket(network);
      return {
        ...rest,
        call: (options) => call(socket, options),
        wake: () => void network.deliver("x"),
        cleanUp: () => socket.close(),
      };
    },
  };
}

const PRIMITIVES: readonly Primitive[] = [
  readPrimitive("waitRead()", "waitRead", { value: undefined, expired: "timeout" }, waitRead),
  readPrimitive(
    "select()",
    "select",
    { value: [1, 0, 0], expired: { value: [0, 0, 0] } },
    async (socket, options) =>
      (await select([socket], [], [socket], options)).map((list) => list.length),
  ),
  readPrimitive(
    "Poller.poll()",
    "Poller.poll",
    { value: 1, expired: { value: 0 } },
    async (socket, options) => {
      const poller = new Poller();
      poller.register(socket, { read: true });
      return (await poller.poll(options)).length;
    },
  ),
  {
    name: "waitWrite()",
    waitsFor: "waitWrite",
    make() {
      const object = new Writable();
      return {
        call: (options) => waitWrite(object, options),
        value: undefined,
        expired: "timeout",
        wake(): void {
          object.writable = true;
          for (const changed of [...object.watchers]) changed();
        },
        untouched: () => assertEquals(object.watchers.size, 0),
      };
    },
  },
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);
