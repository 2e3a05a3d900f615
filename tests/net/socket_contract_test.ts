import { assertEquals, assertRejects } from "@std/assert";
import type { WaitOptions } from "../../core/suspend.ts";
import { Socket } from "../../net/socket.ts";
import { except, type Primitive, testBlockingContract } from "../contract/blocking_contract.ts";
import { FakeConn } from "../helpers/fake_conn.ts";
import { bytes } from "../helpers/sockets.ts";

const onlyOne = except(
  "a second greenlet is refused",
  "serves callers in the order of their arrival",
  "leaves the wake-up to the next when killed before it",
  "causes no unhandled rejection when interrupted while nobody awaits it",
);

/** A call that receives the line `ab`, as bytes or as their number. */
function reading(
  name: string,
  value: unknown,
  receive: (socket: Socket, options?: WaitOptions) => Promise<unknown>,
): Primitive {
  return {
    name: `Socket.${name}`,
    waitsFor: "Socket.recv",
    linked: true, // the bytes come by a promise, which is slower than a timer that is due
    except: onlyOne,
    async make() {
      const conn = new FakeConn();
      const socket = new Socket(conn);
      // A read that was given up, so that bytes can come before the call.
      const controller = new AbortController();
      const given = socket.recv(1, { signal: controller.signal });
      controller.abort();
      await assertRejects(() => given, DOMException, "aborted");
      const feed = (): Promise<unknown> => conn.feed(bytes("ab\n"));
      return {
        call: (options) => receive(socket, options),
        value,
        expired: "timeout",
        // Woken before the call, it is fed by the read that the call begins.
        wake: () => void (conn.reading ? feed() : Promise.resolve().then(feed)),
        wakeThen: (action) => void feed().then(action),
        cleanUp: () => socket.close(),
      };
    },
  };
}

/** A file with one byte. */
function oneByteFile(): Pick<Deno.FsFile, "read" | "seek"> {
  let position = 0;
  return {
    read(buffer) {
      if (position > 0) return Promise.resolve(null);
      buffer[0] = 120;
      return Promise.resolve(position = 1);
    },
    seek(offset, whence) {
      position = Number(offset) + (whence === Deno.SeekMode.Current ? position : 0);
      return Promise.resolve(position);
    },
  };
}

/** A call that sends one byte. */
function sending(
  name: string,
  send: (socket: Socket, options?: WaitOptions) => Promise<unknown>,
  waitsFor = "Socket.send",
  except = onlyOne,
): Primitive {
  return {
    name: `Socket.${name}`,
    waitsFor,
    linked: true,
    except,
    make() {
      const conn = new FakeConn();
      const socket = new Socket(conn);
      return {
        call: (options) => send(socket, options),
        value: 1,
        expired: "timeout",
        wake: () => void conn.flow(),
        wakeThen: (action) => void conn.flow().then(action),
        cleanUp: () => socket.close(),
      };
    },
  };
}

const PRIMITIVES: readonly Primitive[] = [
  reading("recv()", bytes("ab\n"), (socket, options) => socket.recv(undefined, options)),
  reading("recvInto()", 3, (socket, options) => socket.recvInto(new Uint8Array(10), options)),
  reading("recvExactly()", bytes("ab\n"), (socket, options) => socket.recvExactly(3, options)),
  reading("readLine()", bytes("ab\n"), (socket, options) => socket.readLine(options)),
  sending("send()", (socket, options) => socket.send(bytes("x"), options)),
  sending("sendAll()", (socket, options) => socket.sendAll(bytes("x"), options)),
  sending(
    "sendFile()",
    (socket, options) => socket.sendFile(oneByteFile(), options),
    "Socket.sendFile",
    {
      ...onlyOne,
      ...except(
        "the end of the file is still to be found",
        "gives its value when killed after the wake-up",
        "ignores its signal when that is aborted after the wake-up",
      ),
    },
  ),
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);

Deno.test("Socket.sendAll() begins no write when it is refused", async () => {
  const conn = new FakeConn();
  using socket = new Socket(conn);
  const signal = AbortSignal.abort(new Error("aborted"));
  await socket.sendAll(bytes("x"), { signal }).catch(() => {});
  assertEquals(conn.writing, 0);
});
