import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { patchStreams } from "../../monkey/patch_streams.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited, assertRefused } from "../helpers/killed.ts";

/** A stream that brings what it is given, when it is given it. */
class Source<T> {
  controller!: ReadableStreamDefaultController<T>;
  cancelled: unknown = "not cancelled";
  readonly stream = new ReadableStream<T>({
    start: (controller) => void (this.controller = controller),
    cancel: (reason) => void (this.cancelled = reason),
  });
}

const READ = "ReadableStreamDefaultReader.read";

/** Kills a read, for which a chunk comes then. */
async function killedRead<T>(
  chunk: T,
): Promise<{ source: Source<T>; reader: ReadableStreamDefaultReader<T> }> {
  const source = new Source<T>();
  const reader = source.stream.getReader();
  await assertKillable(READ, () => reader.read());
  source.controller.enqueue(chunk);
  await sleep(1);
  return { source, reader };
}

ioTest("ReadableStreamDefaultReader.read() loses no chunk when it is killed", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  const reader = source.stream.getReader();
  await assertKillable(READ, () => reader.read());
  source.controller.enqueue("one");
  source.controller.enqueue("two");
  source.controller.close();
  assertEquals(await spawn(() => reader.read()).get(), { done: false, value: "one" });
  assertEquals(await reader.read(), { done: false, value: "two" });
  assertEquals((await reader.read()).done, true);
});

ioTest("ReadableStreamDefaultReader.releaseLock() after a killed read loses no chunk", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  await assertKillable(READ, async () => {
    const reader = source.stream.getReader();
    try {
      await reader.read();
    } finally {
      reader.releaseLock();
    }
  });
  source.controller.enqueue("one");
  assertEquals((await source.stream.getReader().read()).value, "one");
});

ioTest("Another reader knows nothing of the release of one whose read was killed", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  await spawn(async () => {
    const reader = source.stream.getReader();
    await assertKillable(READ, () => reader.read());
    reader.releaseLock();
    const next = source.stream.getReader().read(); // before the killed one is told of the release
    source.controller.enqueue("one");
    assertEquals((await next).value, "one");
  }).get();
});

ioTest("Another reader gets the chunk that came for a killed read", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  const reader = source.stream.getReader();
  await assertKillable(READ, () => reader.read());
  source.controller.enqueue("one");
  source.controller.enqueue("two");
  await sleep(1);
  reader.releaseLock();
  const values: string[] = [];
  source.controller.close();
  for await (const value of source.stream) values.push(value);
  assertEquals(values, ["one", "two"]);
});

ioTest("ReadableStreamBYOBReader.read() loses no byte when it is killed", async () => {
  using _patch = patchStreams();
  let controller!: ReadableByteStreamController;
  const stream = new ReadableStream({ type: "bytes", start: (given) => void (controller = given) });
  const reader = stream.getReader({ mode: "byob" });
  await assertKillable(READ, () => reader.read(new Uint8Array(10)));
  controller.enqueue(Uint8Array.of(1, 2, 3, 4, 5));
  await sleep(1);
  const got: number[][] = [];
  for (const size of [2, 2, 4]) {
    const view = new Uint8Array(size);
    const { value } = await spawn(() => reader.read(view)).get();
    got.push([...value!]);
    assertEquals([view.byteLength, value!.buffer.byteLength], [0, size]);
  }
  assertEquals(got, [[1, 2], [3, 4], [5]]);
  controller.enqueue(Uint8Array.of(6));
  assertEquals([...(await reader.read(new Uint8Array(3))).value!], [6]);
});

ioTest(
  "ReadableStreamBYOBReader.read() gives whole elements, and as many as it has to",
  async () => {
    using _patch = patchStreams();
    let controller!: ReadableByteStreamController;
    const stream = new ReadableStream({
      type: "bytes",
      start: (given) => void (controller = given),
    });
    const reader = stream.getReader({ mode: "byob" });
    await assertKillable(READ, () => reader.read(new Uint8Array(10)));
    controller.enqueue(Uint8Array.of(1, 0, 2));
    assertEquals((await reader.read(new Uint16Array(4))).value, Uint16Array.of(1));
    await assertKillable(READ, () => reader.read(new Uint16Array(4), { min: 2 }));
    controller.enqueue(Uint8Array.of(0, 3, 0, 4));
    controller.close();
    assertEquals((await reader.read(new Uint16Array(4), { min: 2 })).value, Uint16Array.of(2, 3));
    assertEquals((await reader.read(new Uint8Array(4))).value, Uint8Array.of(4));
    assertEquals((await reader.read(new Uint8Array(4))).done, true);
  },
);

ioTest("All ways to read a stream begin with what came for a killed read", async () => {
  using _patch = patchStreams();
  const ways: Record<string, (stream: ReadableStream<string>) => Promise<string[]>> = {
    async pipeTo(stream) {
      const chunks: string[] = [];
      await stream.pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
      return chunks;
    },
    pipeThrough: (stream) => Array.fromAsync(stream.pipeThrough(new TransformStream())),
    tee: (stream) => Array.fromAsync(stream.tee()[1]),
  };
  for (const read of Object.values(ways)) {
    const source = new Source<string>();
    const reader = source.stream.getReader();
    await assertKillable(READ, () => reader.read());
    source.controller.enqueue("one ");
    await assertRejects(() => source.stream.pipeTo(new WritableStream()), TypeError); // it is locked
    reader.releaseLock();
    source.controller.enqueue("two");
    source.controller.close();
    assertEquals(await read(source.stream), ["one ", "two"], read.name);
  }
});

ioTest("A pipe that is refused, or must not cancel, leaves its source to others", async () => {
  using _patch = patchStreams();
  const broken = (): WritableStream =>
    new WritableStream({ write: () => Promise.reject(new RangeError("broken")) });
  const nothing = null as never;
  const pipes: ((stream: ReadableStream<string>) => Promise<unknown>)[] = [
    (stream) => stream.pipeTo(nothing),
    async (stream) => await stream.pipeThrough({ readable: nothing } as never),
    (stream) => stream.pipeTo(broken(), { preventCancel: true }),
  ];
  const left: string[] = [];
  for (const pipe of pipes) {
    const { source, reader } = await killedRead("one");
    reader.releaseLock();
    await assertRejects(() => pipe(source.stream));
    assertEquals([source.stream.locked, source.cancelled], [false, "not cancelled"]);
    source.controller.enqueue("two");
    left.push((await source.stream.getReader().read()).value!);
  }
  assertEquals(left, ["one", "one", "two"]);
});

ioTest("Cancelling a stream gives up what came for a killed read", async () => {
  using _patch = patchStreams();
  const [cancelled, other, locked, released] = await Promise.all([1, 2, 3, 4].map(killedRead));
  await cancelled!.reader.cancel();
  assertEquals((await cancelled!.reader.read()).done, true);
  other!.reader.releaseLock();
  await other!.source.stream.cancel();
  assertEquals((await other!.source.stream.getReader().read()).done, true);
  await assertRejects(() => locked!.source.stream.cancel(), TypeError);
  assertEquals((await locked!.reader.read()).value, 3);
  released!.reader.releaseLock();
  await assertRejects(() => released!.reader.cancel(), TypeError);
  assertEquals((await released!.source.stream.getReader().read()).value, 4);
});

ioTest("A loop over a stream cancels it at once when it is killed", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  source.controller.enqueue("one");
  const seen: string[] = [];
  await assertKillable(READ, async () => {
    for await (const value of source.stream) seen.push(value);
  });
  assertEquals([seen, source.stream.locked], [["one"], false]);
  assert(source.cancelled !== "not cancelled");
});

ioTest("A loop over a stream loses nothing when it is killed and must not cancel it", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  await assertKillable(READ, async () => {
    for await (const _ of source.stream.values({ preventCancel: true }));
  });
  assertEquals([source.stream.locked, source.cancelled], [false, "not cancelled"]);
  source.controller.enqueue("one");
  assertEquals((await source.stream.getReader().read()).value, "one");
});

ioTest("A loop over a stream behaves as ever in a greenlet", async () => {
  using _patch = patchStreams();
  await spawn(async () => {
    const whole = ReadableStream.from(["a", "b"]);
    assertEquals(await Array.fromAsync(whole), ["a", "b"]);
    assertEquals(whole.locked, false);
    const left = new Source<string>();
    left.controller.enqueue("a");
    for await (const _ of left.stream) break;
    assertEquals([left.stream.locked, left.cancelled], [false, undefined]);
    const error = new RangeError("broken");
    const broken = new Source<string>();
    broken.controller.error(error);
    assertStrictEquals(
      await assertRejects(async () => {
        for await (const _ of broken.stream);
      }),
      error,
    );
    assertEquals(broken.stream.locked, false);
    const iterator = new Source<string>().stream.values();
    assertEquals(await iterator.return!("end"), { done: true, value: "end" });
    assertEquals(await iterator.next(), { done: true, value: undefined });
  }).get();
});

ioTest("A loop over a transformed stream can be killed", async () => {
  using _patch = patchStreams();
  const source = new Source<Uint8Array<ArrayBuffer>>();
  await assertKillable(READ, async () => {
    for await (const _ of source.stream.pipeThrough(new TextDecoderStream()));
  });
  await sleep(1);
  assert(source.cancelled !== "not cancelled");
});

ioTest("ReadableStream.pipeTo() is ended when it is killed", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  let aborted = false;
  const target = new WritableStream({ abort: () => void (aborted = true) });
  await assertKillable("ReadableStream.pipeTo", () => source.stream.pipeTo(target));
  await sleep(1);
  assertEquals([aborted, source.stream.locked, target.locked], [true, false, false]);
  assert(source.cancelled !== "not cancelled");
});

ioTest("WritableStreamDefaultWriter.write() and ready can be killed", async () => {
  using _patch = patchStreams();
  const stuck = new WritableStream({ write: () => new Promise(() => {}) });
  const writer = stuck.getWriter();
  await assertKillable("WritableStreamDefaultWriter.write", () => writer.write("one"));
  await assertKillable("WritableStreamDefaultWriter.ready", () => writer.ready);
  await assertLimited(() => writer.closed);
  await assertLimited(() => writer.close());
});

ioTest("What ends a stream is begun also when the wait for it is refused", async () => {
  using _patch = patchStreams();
  const ended: string[] = [];
  const writable = (name: string): WritableStream =>
    new WritableStream({
      close: () => void ended.push(`${name} closed`),
      abort: () => void ended.push(`${name} aborted`),
    });
  const [one, two] = [writable("one"), writable("two")];
  await assertRefused(() => one.getWriter().close());
  await assertRefused(() => two.getWriter().abort());
  await assertRefused(() => writable("three").close());
  await assertRefused(() => writable("four").abort());
  assertEquals(ended, ["one closed", "two aborted", "three closed", "four aborted"]);
  const [source, other] = [new Source(), new Source()];
  await assertRefused(() => source.stream.cancel("reason"));
  await assertRefused(() => other.stream.getReader().cancel("reason"));
  assertEquals([source.cancelled, other.cancelled], ["reason", "reason"]);
});

ioTest("The promises of readers and writers need nobody who takes their rejection", async () => {
  using _patch = patchStreams();
  const unhandled: unknown[] = [];
  const note = (event: PromiseRejectionEvent): void => void unhandled.push(event.reason);
  addEventListener("unhandledrejection", note);
  await spawn(async () => {
    const error = new RangeError("broken");
    const writer = new WritableStream({ start: (controller) => controller.error(error) })
      .getWriter();
    void [writer.closed, writer.ready];
    const source = new Source();
    const reader = source.stream.getReader();
    void reader.closed;
    source.controller.error(error);
    await sleep(1);
    assertStrictEquals(await assertRejects(() => writer.closed), error);
    assertStrictEquals(await assertRejects(() => reader.closed), error);
  }).get();
  removeEventListener("unhandledrejection", note);
  assertEquals(unhandled, []);
});

ioTest("Streams can be limited in time", async () => {
  using _patch = patchStreams();
  const reader = new Source().stream.getReader();
  await assertLimited(() => reader.read());
  await assertLimited(() => reader.closed);
  await assertLimited(async () => {
    for await (const _ of new Source().stream);
  });
});

Deno.test("patchStreams() changes nothing outside greenlets", async () => {
  using _patch = patchStreams();
  const source = new Source<string>();
  const iterator = source.stream.values();
  assertEquals(
    Object.getPrototypeOf(iterator),
    Object.getPrototypeOf(ReadableStream.from([]).values()),
  );
  source.controller.enqueue("a");
  assertEquals(await iterator.next(), { done: false, value: "a" });
  const other = new Source<string>();
  const reader = other.stream.getReader();
  const reading = reader.read();
  reader.releaseLock();
  await assertRejects(() => reading, TypeError);
});
