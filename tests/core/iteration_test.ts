/** What all ways to go over somebody else's async iterators have in common. */

import { assertEquals } from "@std/assert";
import { green } from "../../core/green.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { each } from "../../core/until.ts";
import { patchClass } from "../../monkey/patch_class.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

/** Gives items when the test says so, and knows who has got rid of them. */
class Source {
  give!: (step: IteratorResult<unknown>) => void;

  items(): AsyncIterableIterator<unknown> {
    return {
      next: () => new Promise((resolve) => this.give = resolve),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

/** Steps that are no promises, which `for await` takes as well. */
class Impatient {
  items(): AsyncIterableIterator<number> {
    let n = 0;
    const next = (): IteratorResult<number> => ({ done: n === 2, value: n++ });
    return {
      next: next as never,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

interface Iterable {
  items(): AsyncIterable<unknown>;
}

/** Ways to go over what a source gives. */
const WAYS: Record<string, (source: Iterable) => AsyncIterable<unknown>> = {
  "each()": (source) => each(source.items()),
  "green()": (source) => green(source).items(),
  "patchClass()": (source) => source.items(),
};

for (const [name, open] of Object.entries(WAYS)) {
  const over = (source: Iterable, seen: unknown[]) => async (): Promise<void> => {
    for await (const item of open(source)) seen.push(item);
  };

  virtualTest(`${name} disposes of an item that comes after the loop was killed`, async () => {
    using _patch = patchClass(Source);
    const source = new Source();
    const disposed: string[] = [];
    for (const done of [false, true]) {
      const killed = spawn(over(source, []));
      await turns();
      await killed.kill();
      source.give({ done, value: { [Symbol.dispose]: () => void disposed.push(`${done}`) } });
      await turns();
    }
    assertEquals(disposed, ["false"]); // the end of an iteration brings no item
  });

  virtualTest(`${name} takes steps that are no promises`, async () => {
    using _patch = patchClass(Impatient);
    const seen: unknown[] = [];
    await spawn(over(new Impatient(), seen)).get();
    assertEquals(seen, [0, 1]);
  });
}

virtualTest("green() and patchClass() give late items to the function for them", async () => {
  const told: unknown[] = [];
  const source = new Source();
  const options = {
    orphan: (late: unknown, { method }: { method: string }) => void told.push([late, method]),
    interrupted: ({ method }: { method: string }) => void told.push(method),
  };
  const greenSource = green(source, options);
  const killed = spawn(async () => {
    for await (const _ of greenSource.items());
  });
  await turns();
  await killed.kill();
  source.give({ done: false, value: 1 });
  await turns();
  using _patch = patchClass(Source, options);
  const killedToo = spawn(async () => {
    for await (const _ of source.items());
  });
  await turns();
  await killedToo.kill();
  source.give({ done: false, value: 2 });
  await sleep(1);
  const iterate = "[Symbol.asyncIterator]";
  assertEquals(told, [iterate, [1, iterate], "items", [2, "items"]]);
});
