import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { KeptReads, KeptResults, streamOfReads } from "../../monkey/_kept.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const KIND = { name: "test" };

/** Operations that come to an end when they are told to, in their order. */
class Operations<T> {
  readonly pending: PromiseWithResolvers<T>[] = [];
  readonly begin = (): Promise<T> => {
    const operation = Promise.withResolvers<T>();
    this.pending.push(operation);
    return operation.promise;
  };

  async end(value: T): Promise<void> {
    this.pending.shift()!.resolve(value);
    await turns();
  }

  async fail(error: unknown): Promise<void> {
    this.pending.shift()!.reject(error);
    await turns();
  }
}

/** A source of bytes that come when they are told to. */
class Source extends Operations<number | null> {
  readonly buffers: Uint8Array[] = [];
  readonly reads: KeptReads = new KeptReads((buffer) => {
    this.buffers.push(buffer);
    return this.begin();
  }, 100);

  async bring(...bytes: number[]): Promise<void> {
    this.buffers.at(-1)!.set(bytes);
    await this.end(bytes.length);
  }

  async read(size: number): Promise<number[] | null> {
    const target = new Uint8Array(size);
    const count = await this.reads.read(target, KIND);
    return count === null ? null : [...target.subarray(0, count)];
  }
}

virtualTest("KeptReads gives bytes that come for nobody to those who read later", async () => {
  const source = new Source();
  const killed = spawn(() => source.read(10));
  await turns();
  await killed.kill();
  assertEquals([source.reads.idle, source.pending.length], [false, 1]);
  await source.bring(1, 2, 3);
  assertEquals(source.reads.kept, 3);
  assertEquals([await source.read(2), await source.read(2)], [[1, 2], [3]]);
  assertEquals([source.reads.idle, source.pending.length], [true, 0]);
});

virtualTest("KeptReads gives an end that comes for nobody to the next one, once", async () => {
  const source = new Source();
  const killed = spawn(() => source.read(10));
  await turns();
  await killed.kill();
  await source.end(null);
  assertEquals([source.reads.idle, await source.read(10)], [false, null]);
  const next = spawn(() => source.read(10)); // of a terminal there may come more
  await turns();
  await source.bring(4);
  assertEquals(await next.get(), [4]);
});

virtualTest("KeptReads forgets an error that comes for nobody", async () => {
  const source = new Source();
  const killed = spawn(() => source.read(10));
  await turns();
  await killed.kill();
  await source.fail(new RangeError("for nobody"));
  const next = spawn(() => source.read(10).catch((error) => error));
  await turns();
  const error = new RangeError("for somebody");
  await source.fail(error);
  assertStrictEquals(await next.get(), error);
});

virtualTest("KeptReads serves those who wait in order, and one operation at a time", async () => {
  const source = new Source();
  const readers = [1, 2, 3].map((size) => spawn(() => source.read(size)));
  await turns();
  assertEquals(source.pending.length, 1);
  await readers[1]!.kill();
  await source.bring(7);
  assertEquals([readers[0]!.value, readers[2]!.ready, source.pending.length], [[7], false, 1]);
  await source.bring(8, 9);
  assertEquals(readers[2]!.value, [8, 9]);
  assertEquals(await source.read(0), []);
});

virtualTest("KeptReads reads no more than it is asked for, or can be", async () => {
  const source = new Source();
  for (const [size, asked] of [[5, 5], [1000, 100], [7, 7]] as const) {
    const reader = spawn(() => source.read(size));
    await turns();
    assertEquals(source.buffers.at(-1)!.length, asked);
    await source.bring(1);
    assertEquals(await reader.get(), [1]);
  }
});

virtualTest("KeptReads.drop() forgets what is kept", async () => {
  const source = new Source();
  const killed = spawn(() => source.read(10));
  await turns();
  await killed.kill();
  const settled = spawn(() => source.reads.settled());
  await turns();
  assertEquals(settled.ready, false);
  await source.bring(1, 2);
  await settled.get();
  assertEquals(source.reads.kept, 2);
  source.reads.drop();
  assert(source.reads.idle);
});

virtualTest("KeptReads.disown() throws away what comes for nobody, and undoes it", async () => {
  const source = new Source();
  const undone: string[] = [];
  const read = (): Promise<number[] | null> => source.read(10);
  source.reads.disown(() => void undone.push("nothing is being read"));
  const [living, killed] = [spawn(read), spawn(read)];
  await turns();
  source.reads.disown(() => void undone.push("somebody waits for it"));
  await source.bring(1);
  await killed.kill();
  assertEquals([living.value, source.reads.disowned], [[1], false]);
  source.reads.disown(() => void undone.push("first"));
  const next = spawn(read);
  await turns();
  source.reads.disown(() => void undone.push("second"));
  await source.bring(2);
  assertEquals([undone, next.ready, source.reads.disowned], [["second"], false, false]);
  await source.bring(3);
  assertEquals(next.value, [3]);
});

virtualTest("KeptReads.disown() forgets an operation that fails", async () => {
  const source = new Source();
  const killed = spawn(() => source.read(10));
  await turns();
  await killed.kill();
  source.reads.disown(() => assert(false, "There is nothing to undo"));
  await source.fail(new RangeError("for nobody"));
  const next = spawn(() => source.read(10));
  await turns();
  await source.bring(1);
  assertEquals(next.value, [1]);
});

virtualTest("KeptResults gives a result that comes for nobody to the next one", async () => {
  const operations = new Operations<string>();
  const results = new KeptResults<string>();
  const take = (): Promise<string> => results.take(operations.begin, KIND);
  const [killed, second] = [spawn(take), spawn(take)];
  await turns();
  await killed.kill();
  await operations.end("one");
  assertEquals([second.value, results.idle], ["one", true]);
  const third = spawn(take);
  await turns();
  await third.kill();
  await operations.end("two");
  assertEquals([results.idle, await take(), results.idle], [false, "two", true]);
});

virtualTest(
  "KeptResults gives an error to whoever is first, and goes on for the others",
  async () => {
    const operations = new Operations<string>();
    const results = new KeptResults<string>();
    const take = (): Promise<unknown> =>
      results.take(operations.begin, KIND).catch((error) => error);
    const [first, second] = [spawn(take), spawn(take)];
    await turns();
    const error = new RangeError("refused");
    await operations.fail(error);
    assertStrictEquals(first.value, error);
    await operations.end("one");
    assertEquals(second.value, "one");
  },
);

virtualTest(
  "KeptResults does not give the error of a killed one's operation to the next",
  async () => {
    const operations = new Operations<string>();
    const results = new KeptResults<string>();
    const take = (): Promise<string> => results.take(operations.begin, KIND);
    const [killed, next] = [spawn(take), spawn(take)];
    await turns();
    await killed.kill();
    await operations.fail(new RangeError("for nobody"));
    assertEquals(operations.pending.length, 1);
    await operations.end("one");
    assertEquals(next.value, "one");
  },
);

virtualTest("KeptResults puts back, and drops", async () => {
  const operations = new Operations<string>();
  const results = new KeptResults<string>();
  results.putBack("two");
  results.putBack("one");
  assertEquals(await results.take(operations.begin, KIND), "one");
  assertEquals([results.drop(), results.idle], [["two"], true]);
});

Deno.test("streamOfReads() ends what is read when the read fails", async () => {
  let ended = 0;
  const stream = streamOfReads(() => Promise.reject(new RangeError("reset")), () => void ended++);
  await assertRejects(() => stream.getReader().read(), RangeError, "reset");
  assertEquals(ended, 1);
});
