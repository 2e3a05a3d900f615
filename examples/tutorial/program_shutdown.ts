// A program that never ends by itself, and ends in an orderly way on SIGQUIT: Ctrl-\ or `kill -QUIT`.
import { main, onSignal, shutdown, sleep, spawn } from "../../mod.ts";

async function runForever(): Promise<void> {
  await sleep(1_000_000);
}

export default async function programShutdown(): Promise<void> {
  using _handler = onSignal("SIGQUIT", shutdown);
  await using thread = spawn(runForever); // killed when this function is left, in whichever way
  await thread.join();
}

if (import.meta.main) main(programShutdown);
