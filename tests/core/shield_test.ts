import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { shield } from "../../core/shield.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { until } from "../../core/until.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("shield() gives what the function gives, or throws its error", async () => {
  assertEquals(await shield(() => sleep(5).then(() => "value")), "value");
  assertEquals(await shield(() => "sync"), "sync");
  await assertRejects(() => shield(() => Promise.reject(new Error("broken"))), Error, "broken");
});

virtualTest("shield() keeps a kill out, which is raised at the first wait after it", async () => {
  const log: string[] = [];
  const greenlet = spawn(async () => {
    await shield(async () => {
      await sleep(5);
      log.push("inside");
      await sleep(5);
    });
    log.push("after");
    await sleep(5);
    log.push("not reached");
  });
  await sleep(1);
  await greenlet.kill();
  assertEquals([log, now()], [["inside", "after"], 10]);
  assertInstanceOf(greenlet.value, GreenletExit);
});

virtualTest("shield() keeps a timeout out that began around it", async () => {
  const outcome = await withTimeout(5, async () => {
    await shield(() => sleep(10));
    await sleep(10);
  }).catch((error) => error);
  assertInstanceOf(outcome, Timeout);
  assertEquals(now(), 10);
  assertEquals(await withTimeout(5, () => shield(() => sleep(10).then(() => "kept"))), "kept");
});

virtualTest("shield() lets timeouts in that began inside", async () => {
  const outcome = shield(() => withTimeout(5, () => sleep(10)));
  await assertRejects(() => outcome, Timeout, "5 ms");
});

virtualTest(
  "shield() protects only what is inside when a greenlet runs several waits",
  async () => {
    const greenlet = spawn(() => Promise.allSettled([shield(() => sleep(10)), sleep(10)]));
    await turns();
    greenlet.throw();
    const [inside, outside] = await greenlet.get();
    assertEquals([inside.status, outside.status, now()], ["fulfilled", "rejected", 10]);
  },
);

virtualTest("shield() finishes the clean-up of a greenlet that is killed twice", async () => {
  let rolledBack = false;
  const greenlet = spawn(async () => {
    try {
      await sleep(1000);
    } finally {
      await shield(async () => {
        await sleep(10);
        rolledBack = true;
      });
    }
  });
  await turns();
  greenlet.throw();
  await sleep(1);
  greenlet.throw();
  await greenlet.join();
  assertEquals([rolledBack, now()], [true, 10]);
});

virtualTest("shield() finishes a clean-up that the killed greenlet does not wait for", async () => {
  const log: unknown[] = [];
  const work = async (): Promise<void> => {
    try {
      await sleep(1000);
    } finally {
      await shield(async () => {
        await sleep(5);
        log.push(await until(sleep(5).then(() => "cleaned")), now());
      });
    }
  };
  // Ends with the first rejection, which is that of the sleep.
  const greenlet = spawn(() => Promise.all([sleep(1000), work()]));
  await turns();
  await greenlet.kill();
  assertEquals([log, now()], [[], 0]);
  await sleep(20);
  assertEquals(log, ["cleaned", 10]);
});

virtualTest(
  "Greenlet.kill() that is persistent is raised at every further wait, save under shield()",
  async () => {
    const errors: unknown[] = [];
    const stop = new GreenletExit("stop");
    let cleaned = false;
    const greenlet = spawn(async () => {
      for (let i = 0; i < 3; i++) await sleep(1000).catch((error) => errors.push(error));
      await withTimeout(5, () => sleep(1000)).catch((error) => errors.push(error));
      await shield(async () => {
        await sleep(7);
        cleaned = true;
      });
      await sleep();
    });
    await turns();
    await greenlet.kill(stop, { persistent: true });
    assertEquals([errors, cleaned, now()], [[stop, stop, stop, stop], true, 7]);
    assert(greenlet.dead && greenlet.value === stop);
  },
);

virtualTest(
  "Greenlet.kill() that is persistent keeps one from running that has not begun",
  async () => {
    let ran = false;
    const greenlet = spawn(() => void (ran = true));
    await greenlet.kill(undefined, { persistent: true });
    await turns();
    assertEquals(ran, false);
  },
);
