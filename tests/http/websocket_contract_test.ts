import { assertEquals } from "@std/assert";
import { waitOpen } from "../../http/_opening.ts";
import { WebSocketConnection } from "../../http/websocket.ts";
import { except, type Primitive, testBlockingContract } from "../contract/blocking_contract.ts";
import { FakeWebSocket } from "../helpers/fake_websocket.ts";

function connect(): { socket: FakeWebSocket; connection: WebSocketConnection } {
  const socket = new FakeWebSocket();
  return { socket, connection: new WebSocketConnection(socket.asSocket, { idleTimeout: 0 }) };
}

const onlyOne = except(
  "a second greenlet is refused",
  "serves callers in the order of their arrival",
  "leaves the wake-up to the next when killed before it",
  "causes no unhandled rejection when interrupted while nobody awaits it",
);

const byLooking = except(
  "the runtime does not say when there is room: it is asked, which takes time",
  "gives its value when it becomes ready",
  "has one outcome when its timeout is due right after the wake-up",
  "has one outcome when its timeout is due right before the wake-up",
  "drops its timeout when it becomes ready before",
  "gives its value when killed after the wake-up",
  "drops the Timeout of another when that is due right after the wake-up",
  "loses nothing when the Timeout of another is due right before the wake-up",
  "ignores its signal when that is aborted after the wake-up",
  "cancels the Timeout given as its timeout when it becomes ready",
  "waits on when the Timeout given as its timeout is cancelled",
);

const PRIMITIVES: readonly Primitive[] = [
  {
    name: "WebSocketConnection.receive()",
    waitsFor: "WebSocketConnection.receive",
    except: onlyOne,
    make() {
      const { socket, connection } = connect();
      return {
        call: (options) => connection.receive(options),
        value: "message",
        expired: "timeout",
        wake: () => socket.arrive("message"),
        untouched: () => assertEquals(String(connection), "<WebSocketConnection open unread=0>"),
      };
    },
  },
  {
    name: "WebSocketConnection.receive() of the end",
    waitsFor: "WebSocketConnection.receive",
    except: onlyOne,
    make() {
      const { socket, connection } = connect();
      return {
        call: (options) => connection.receive(options),
        value: null,
        expired: "timeout",
        wake: () => socket.end(),
      };
    },
  },
  {
    name: "WebSocketConnection.send()",
    waitsFor: "WebSocketConnection.send",
    except: byLooking,
    make() {
      const { socket, connection } = connect();
      connection.trySend("x".repeat(65537));
      return {
        call: (options) => connection.send("message", options),
        value: undefined,
        expired: "timeout",
        wake: () => socket.leave(),
        untouched: () => assertEquals(socket.sent.length, 1),
      };
    },
  },
  {
    name: "WebSocketConnection.waitClosed()",
    waitsFor: "WebSocketConnection.waitClosed",
    make() {
      const { socket, connection } = connect();
      return {
        call: (options) => connection.waitClosed(options),
        value: true,
        expired: { value: false },
        wake: () => socket.end(),
      };
    },
  },
  {
    name: "waitOpen()",
    waitsFor: "the WebSocket to open",
    make() {
      const socket = new FakeWebSocket(WebSocket.CONNECTING);
      return {
        call: (options) => waitOpen(socket.asSocket, options),
        value: true,
        expired: "timeout",
        wake: () => socket.open(),
      };
    },
  },
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);
