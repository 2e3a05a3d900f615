// A timeout that is over at the end of its block, and raises an error of our own: this program fails with it.
import { main, sleep, Timeout } from "../../mod.ts";

const TIME_TO_WAIT = 5000;

export class TooLong extends Error {
  override readonly name = "TooLong";
}

export default async function timeoutInBlock(): Promise<void> {
  using _timeout = Timeout.start(TIME_TO_WAIT, TooLong);
  await sleep(10_000);
}

if (import.meta.main) main(timeoutInBlock);
