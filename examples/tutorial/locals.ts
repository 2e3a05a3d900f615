// Each greenlet has values of its own.
import { joinAll, local, main, spawn } from "../../mod.ts";

export default async function locals(): Promise<void> {
  const stash = local<{ x?: number; y?: number }>();

  function f1(): void {
    stash.x = 1;
    console.log(stash.x);
  }

  function f2(): void {
    stash.y = 2;
    console.log(stash.y);
    if (!("x" in stash)) console.log("x is not local to f2");
  }

  await joinAll([spawn(f1), spawn(f2)]);
}

if (import.meta.main) main(locals);
