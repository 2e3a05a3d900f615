/**
 * The load of the echo comparison where there is no C compiler: takes and prints the same as echo_client.c.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { percentile } from "../harness/statistics.ts";

const [port, count, messages, size, limit] = Deno.args.map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const half = Math.ceil(count * messages / 2);
const latencies = new Float64Array(count * messages);
const served: number[] = new Array(count).fill(0);
let echoed = 0;
let broken = 0;
let wrong = 0;
let leastServed = -1;
let mostServed = -1;

/** Every message differs from those before it and from those of other connections. */
function makeMessage(connection: number, number: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(new Uint32Array([connection, number]).buffer);
  return Uint8Array.from({ length: size }, (_, i) => head[i % 8]! + Math.floor(i / 8) * 31);
}

/** Whether `data` is what `message` holds from `offset` on. */
function matches(data: Uint8Array, message: Uint8Array, offset: number): boolean {
  return data.every((byte, i) => byte === message[offset + i]);
}

function talk(connection: number, socket: Socket, onEnd: () => void): void {
  let message = new Uint8Array();
  let received = 0;
  let sentAt = 0;
  const send = (): void => {
    message = makeMessage(connection, served[connection]!);
    received = 0;
    sentAt = performance.now();
    socket.write(message);
  };
  socket.setNoDelay(true);
  socket.on("connect", send);
  socket.on("data", (data: Uint8Array) => {
    if (!matches(data, message, received)) wrong++;
    received += data.length;
    if (received < size) return;
    latencies[echoed++] = performance.now() - sentAt;
    served[connection]!++;
    if (echoed === half) {
      leastServed = Math.min(...served);
      mostServed = Math.max(...served);
    }
    if (served[connection] === messages) socket.end();
    else setImmediate(send); // the shortest pause there is
  });
  socket.on("error", () => void socket.destroy());
  socket.on("close", () => {
    if (served[connection]! < messages) broken++;
    onEnd();
  });
}

setTimeout(() => {
  console.error(`Only ${echoed} messages were echoed in time`);
  Deno.exit(1);
}, limit * 1000);

const started = performance.now();
let finished = started;
await Promise.all(served.map((_, connection) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  talk(connection, connect({ host: "127.0.0.1", port }), resolve);
  return promise.then(() => finished = performance.now());
}));
const seconds = (finished - started) / 1000;
const sorted = latencies.subarray(0, echoed).sort();
console.log(JSON.stringify({
  messages: echoed,
  seconds,
  rate: echoed / seconds,
  p50: percentile(sorted, 0.5),
  p99: percentile(sorted, 0.99),
  max: percentile(sorted, 1),
  leastServed,
  mostServed,
  wrong,
  broken,
}));
Deno.exit();
