// A wake-up that nobody hears: `deno run -A examples/races/lost_wake_up.ts`.
//
// A consumer looks for work, finds none, writes that down, and only then waits. Work that comes in between is announced
// to nobody: the consumer waits for ever. With the plain order of greenlets this never shows, as the work always comes
// before the consumer looks, or after it waits.
import { Event, joinAll, sleep, spawn } from "../../mod.ts";
import { exploreSchedules } from "../../testing/mod.ts";

/** A mailbox with a way to wait for mail that misses some of it. */
class Mailbox {
  readonly #letters: string[] = [];
  readonly #arrived = new Event();

  put(letter: string): void {
    this.#letters.push(letter);
    this.#arrived.set();
  }

  async take(): Promise<string> {
    while (this.#letters.length === 0) {
      await log("nothing there"); // a letter may come meanwhile
      this.#arrived.clear(); // and this forgets that it came
      await this.#arrived.wait();
    }
    return this.#letters.shift()!;
  }
}

async function log(_line: string): Promise<void> {
  await sleep();
}

/** Is blocked for ever in some orders. */
export async function program(): Promise<void> {
  const mailbox = new Mailbox();
  const consumer = spawn(() => mailbox.take());
  const producer = spawn(async () => {
    for (let i = 0; i < 3; i++) await sleep(); // writes the letter
    mailbox.put("a letter");
  });
  await joinAll([consumer, producer]);
}

if (import.meta.main) {
  const { explored, failure } = await exploreSchedules(program);
  console.log(
    failure === undefined
      ? `No failure in ${explored} orders`
      : `Order ${failure.seed} fails: ${(failure.error as Error).message}`,
  );
}
