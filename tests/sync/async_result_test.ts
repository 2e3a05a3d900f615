import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { wait } from "../../core/wait_for.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { collectReports } from "../helpers/reports.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const error = new Error("broken");

virtualTest(
  "AsyncResult.set() gives the value to all who wait, in the order in which they came",
  async () => {
    const result = new AsyncResult<number>();
    const order: [string, number][] = [];
    const getters = ["a", "b", "c"].map((name) =>
      spawn(async () => void order.push([name, await result.get()]))
    );
    await turns();
    result.set(7);
    await joinAll(getters);
    assertEquals(order, [["a", 7], ["b", 7], ["c", 7]]);
    assertEquals([result.ready, result.successful, result.value, result.exception], [
      true,
      true,
      7,
      undefined,
    ]);
  },
);

virtualTest(
  "AsyncResult.setException() throws the error in all who get, and gives nothing to who waits",
  async () => {
    const result = new AsyncResult<number>();
    const getter = spawn(() => result.get().catch((error) => error));
    const waiter = spawn(() => result.wait());
    await turns();
    result.setException(error);
    assertStrictEquals(await getter.get(), error);
    assertEquals(await waiter.get(), undefined);
    assertStrictEquals(await assertRejects(() => result.get()), error);
    assertEquals(await result.wait(), undefined);
    assertEquals([result.ready, result.successful, result.value, result.exception], [
      true,
      false,
      undefined,
      error,
    ]);
  },
);

virtualTest("AsyncResult.set() replaces what was there for later readers", async () => {
  const result = new AsyncResult<number>();
  result.setException(error);
  result.set(1);
  result.set(2);
  assertEquals([await result.get(), result.exception], [2, undefined]);
});

virtualTest("AsyncResult holds undefined, null and errors as values like any other", async () => {
  for (const value of [undefined, null, error]) {
    const result = new AsyncResult<unknown>();
    result.set(value);
    assertEquals([await result.get(), result.ready], [value, true]);
  }
});

virtualTest("AsyncResult.get() throws a Timeout at once when told not to block", async () => {
  const result = new AsyncResult<number>();
  await assertRejects(() => result.get({ block: false }), Timeout);
  assertThrows(() => result.getNowait(), Timeout);
  result.set(1);
  assertEquals([await result.get({ block: false }), result.getNowait()], [1, 1]);
  result.setException(error);
  assertThrows(() => result.getNowait(), Error, "broken");
});

virtualTest("AsyncResult.setFrom() takes over how a greenlet ended", async () => {
  using _ = collectReports();
  const [good, bad] = [spawn(() => 7), spawn(() => Promise.reject(error))];
  await turns();
  const result = new AsyncResult<number>();
  result.setFrom(good);
  assertEquals(result.value, 7);
  result.setFrom(bad);
  assertStrictEquals(result.exception, error);
});

virtualTest("AsyncResult.setFrom() takes over what another result holds", () => {
  const [value, failure, copy] = [1, 2, 3].map(() => new AsyncResult<number>());
  value!.set(7);
  failure!.setException(error);
  copy!.setFrom(value!);
  assertEquals([copy!.value, copy!.exception], [7, undefined]);
  copy!.setFrom(failure!);
  assertStrictEquals(copy!.exception, error);
});

virtualTest("AsyncResult.setFrom() refuses what has nothing to take over", async () => {
  const running = spawn(sleep, 1);
  const result = new AsyncResult<unknown>();
  for (const source of [running, new AsyncResult(), {}, 5, undefined]) {
    assertThrows(() => result.setFrom(source as never), TypeError, "'source' must be a greenlet");
  }
  assertEquals(result.ready, false);
  await running.join();
});

virtualTest(
  "AsyncResult.rawlink() calls once there is something, or soon when there is",
  async () => {
    const result = new AsyncResult<number>();
    const seen: unknown[] = [];
    const call = (source: unknown): void => void seen.push(source);
    result.rawlink(call);
    result.unlink(call);
    result.rawlink(call);
    result.set(1);
    await turns();
    result.rawlink(call);
    await turns();
    assertEquals(seen, [result, result]);
    result.rawlink(call);
    result.unlink(call);
    await turns();
    assertEquals(seen.length, 2);
    new AsyncResult().unlink(call);
    assertThrows(() => result.rawlink(undefined as never), TypeError, "must be a function");
  },
);

virtualTest("wait() takes an AsyncResult, with a value or an error", async () => {
  const [value, failure] = [new AsyncResult<number>(), new AsyncResult<number>()];
  spawn(async () => {
    await sleep(1);
    failure.setException(error);
    await sleep(1);
    value.set(1);
  });
  assertEquals(await wait([value, failure]), [failure, value]);
});

virtualTest("AsyncResult says what it holds", () => {
  const result = new AsyncResult<number>();
  assertEquals(String(result), "<AsyncResult empty waiting=0>");
  result.set(1);
  assertEquals(String(result), "<AsyncResult value waiting=0>");
  result.setException(error);
  assertEquals(String(result), "<AsyncResult error waiting=0>");
});

virtualTest("AsyncResult.waiting counts who waits", async () => {
  const result = new AsyncResult<number>();
  const greenlets = [spawn(() => result.get()), spawn(() => result.wait())];
  assertEquals(result.waiting, 0);
  await turns();
  assertEquals(result.waiting, 2);
  await greenlets[0]!.kill();
  assertEquals(result.waiting, 1);
  result.set(1);
  assertEquals(result.waiting, 0);
});
