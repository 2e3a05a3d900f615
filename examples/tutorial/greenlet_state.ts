// What a greenlet tells about itself.
import { joinAll, main, spawn } from "../../mod.ts";

function win(): string {
  return "You win!";
}

function fail(): never {
  throw new Error("You fail at failing.");
}

export default async function greenletState(): Promise<void> {
  const winner = spawn(win);
  const loser = spawn(fail);

  console.log(winner.started); // true
  console.log(loser.started); // true

  // Errors stay inside the greenlet
  try {
    await joinAll([winner, loser]);
  } catch {
    console.log("This will never be reached");
  }

  console.log(winner.value); // "You win!"
  console.log(loser.value); // undefined

  console.log(winner.ready); // true
  console.log(loser.ready); // true

  console.log(winner.successful); // true
  console.log(loser.successful); // false

  // The stack of the error was printed to stderr, once; nobody else has noticed it
  console.log((loser.exception as Error).message);

  // To have it thrown here, too: `await loser.get()`
}

if (import.meta.main) main(greenletState);
