import { assertEquals } from "@std/assert";
import { nextTurn } from "../../core/clock.ts";
import { ReadGate } from "../../net/_read_gate.ts";

/** What a turn must deliver to count as saturated. */
const MANY = 32;

/** A gate that is never out of patience, unless told so, and reads whose completion is up to the test. */
class Reads {
  readonly gate: ReadGate;
  /** The names of the reads that were begun, in order. */
  readonly begun: string[] = [];

  constructor(patience = 60_000) {
    this.gate = new ReadGate(patience);
  }

  request(...names: string[]): void {
    for (const name of names) this.gate.request(() => void this.begun.push(name));
  }

  complete(count: number): void {
    for (let i = 0; i < count; i++) this.gate.completed(this.gate.round);
  }

  /** Begins reads and completes so many of them that the gate closes, while so many others are outstanding. */
  async saturate(outstanding: number): Promise<void> {
    this.request(...Array.from({ length: MANY + outstanding }, (_, i) => `${i}`));
    this.complete(MANY);
    await nextTurn();
    this.begun.length = 0;
  }
}

Deno.test("ReadGate begins reads at once while few are busy", async () => {
  const reads = new Reads();
  for (let turn = 0; turn < 5; turn++) {
    reads.request("a", "b");
    assertEquals(reads.begun.splice(0), ["a", "b"]);
    reads.complete(2);
    await nextTurn();
  }
});

Deno.test("ReadGate begins any number of reads at once that came before it was busy", () => {
  const reads = new Reads();
  const names = Array.from({ length: 1000 }, (_, i) => `${i}`);
  reads.request(...names);
  assertEquals(reads.begun, names);
});

Deno.test("ReadGate does not hold reads after a turn with one completion too few", async () => {
  const reads = new Reads();
  reads.request(...Array.from({ length: MANY }, (_, i) => `${i}`));
  reads.complete(MANY - 1);
  await nextTurn();
  reads.request("next");
  assertEquals(reads.begun.at(-1), "next");
  reads.complete(2);
  await nextTurn();
});

Deno.test("ReadGate holds reads after a busy turn, and begins them in order when the others are done", async () => {
  const reads = new Reads();
  await reads.saturate(3);
  reads.request("a", "b", "c");
  assertEquals(reads.begun, []);
  reads.complete(3);
  assertEquals(reads.begun, [], "Before the end of the turn");
  await nextTurn();
  assertEquals(reads.begun, ["a", "b", "c"]);
  reads.complete(3);
  await nextTurn();
});

Deno.test("ReadGate begins held reads after two turns that were not busy, though others are outstanding", async () => {
  const reads = new Reads();
  await reads.saturate(3);
  reads.request("a", "b");
  reads.complete(1);
  await nextTurn();
  assertEquals(reads.begun, [], "One calm turn may be a breath of the runtime");
  reads.complete(1);
  await nextTurn();
  assertEquals(reads.begun, ["a", "b"]);
  reads.request("c");
  assertEquals(reads.begun, ["a", "b", "c"], "It is still closed");
  reads.complete(4);
  await nextTurn();
});

Deno.test("ReadGate holds reads on while turns are busy", async () => {
  const reads = new Reads();
  await reads.saturate(2 * MANY + 1);
  reads.request("a");
  reads.complete(MANY);
  await nextTurn();
  reads.request("b");
  assertEquals(reads.begun, []);
  reads.complete(MANY);
  await nextTurn();
  assertEquals(reads.begun, []);
  reads.complete(1);
  await nextTurn();
  assertEquals(reads.begun, ["a", "b"]);
  reads.complete(2);
  await nextTurn();
});

Deno.test("ReadGate begins held reads after a busy turn that left none outstanding", async () => {
  const reads = new Reads();
  await reads.saturate(MANY);
  reads.request("a", "b");
  reads.complete(MANY);
  await nextTurn();
  assertEquals(reads.begun, ["a", "b"]);
  reads.complete(2);
  await nextTurn();
});

Deno.test("ReadGate begins a read at once when none is outstanding any more", async () => {
  const reads = new Reads();
  await reads.saturate(1);
  reads.complete(1);
  reads.request("a");
  assertEquals(reads.begun, ["a"]);
  reads.complete(1);
  await nextTurn();
});

Deno.test("ReadGate begins a read at once after a busy turn that left none outstanding", async () => {
  const reads = new Reads();
  await reads.saturate(0);
  reads.request("a");
  assertEquals(reads.begun, ["a"]);
  reads.complete(1);
  await nextTurn();
});

Deno.test({
  name: "ReadGate begins held reads in the end though the outstanding ones never complete",
  timeout: 10_000,
  async fn() {
    const reads = new Reads(1);
    await reads.saturate(1);
    reads.request("a", "b");
    while (reads.begun.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(reads.begun, ["a", "b"]);
    reads.request("c");
    assertEquals(reads.begun, ["a", "b", "c"]);
    reads.complete(4);
    await nextTurn();
  },
});

Deno.test("ReadGate begins reads that are requested while held ones are begun", async () => {
  const reads = new Reads();
  await reads.saturate(1);
  reads.gate.request(() => {
    reads.begun.push("first");
    reads.request("inner");
  });
  reads.request("second");
  reads.complete(1);
  await nextTurn();
  assertEquals(reads.begun.toSorted(), ["first", "inner", "second"]);
  reads.complete(3);
  await nextTurn();
});

Deno.test("ReadGate survives a read that is over as soon as it is begun", async () => {
  const reads = new Reads();
  await reads.saturate(1);
  for (let i = 0; i < 100; i++) reads.gate.request(() => reads.complete(1));
  reads.request("last");
  reads.complete(1);
  await nextTurn();
  assertEquals(reads.begun, ["last"]);
  reads.complete(1);
  await nextTurn();
});

Deno.test("ReadGate does not wait for a read any more that did not complete in the last round", async () => {
  const reads = new Reads();
  await reads.saturate(3);
  const names = Array.from({ length: MANY + 2 }, (_, i) => `${i}`);
  reads.request(...names);
  for (let calm = 0; calm < 2; calm++) {
    reads.complete(1);
    await nextTurn();
  }
  assertEquals(reads.begun.splice(0), names);
  reads.complete(MANY);
  await nextTurn();
  reads.request("a");
  assertEquals(reads.begun, []);
  reads.complete(2);
  await nextTurn();
  assertEquals(reads.begun, ["a"]);
  reads.complete(1);
  await nextTurn();
});

Deno.test("ReadGate does not take a late read of a former round for one of this round", async () => {
  const reads = new Reads();
  await reads.saturate(3);
  reads.request("held");
  for (let calm = 0; calm < 2; calm++) {
    reads.complete(1);
    await nextTurn();
  }
  assertEquals(reads.begun, ["held"]); // one read of round 0 has not been served
  await reads.saturate(0); // "held" is outstanding
  reads.request("a");
  reads.gate.completed(0);
  await nextTurn();
  assertEquals(reads.begun, [], "The round is not over");
  reads.complete(1);
  await nextTurn();
  assertEquals(reads.begun, ["a"]);
  reads.complete(1);
  await nextTurn();
});

Deno.test("ReadGate lets nobody overtake those who are held when the last one was served", async () => {
  const reads = new Reads();
  await reads.saturate(1);
  reads.request("a");
  reads.complete(1);
  reads.request("b");
  assertEquals(reads.begun, []);
  await nextTurn();
  assertEquals(reads.begun, ["a", "b"]);
  reads.complete(2);
  await nextTurn();
});

Deno.test("ReadGate forgets a held read that is withdrawn, and what it waited for with it", async () => {
  const reads = new Reads(1);
  await reads.saturate(1);
  const begun: string[] = [];
  const held = ["a", "b"].map((name) => reads.gate.request(() => void begun.push(name))!);
  reads.gate.withdraw(held[0]!);
  while (begun.length === 0) await nextTurn();
  assertEquals(begun, ["b"]);
  await reads.saturate(1);
  reads.gate.withdraw(reads.gate.request(() => void begun.push("c"))!);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  assertEquals(begun, ["b"]);
});
