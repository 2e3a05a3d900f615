import { assertEquals } from "@std/assert";
import { WebSocketConnection } from "../../http/websocket.ts";
import { except, type Primitive, testBlockingContract } from "../contract/blocking_contract.ts";

/** As much of a socket of the runtime as receiving takes. */
class FakeSocket {
  readonly readyState = WebSocket.OPEN;
  binaryType = "blob";
  onmessage!: (event: { data: unknown }) => void;
  onclose!: (event: { code: number; reason: string }) => void;
  onerror: unknown;
}

function connect(): { socket: FakeSocket; connection: WebSocketConnection } {
  const socket = new FakeSocket();
  return { socket, connection: new WebSocketConnection(socket as unknown as WebSocket) };
}

const onlyOne = except(
  "a second greenlet is refused",
  "serves callers in the order of their arrival",
  "leaves the wake-up to the next when killed before it",
  "causes no unhandled rejection when interrupted while nobody awaits it",
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
        wake: () => socket.onmessage({ data: "message" }),
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
        wake: () => socket.onclose({ code: 1000, reason: "" }),
      };
    },
  },
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);
