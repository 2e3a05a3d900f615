// What patching replaces, how to get at what was there before, and that it is all put back.
import { main } from "../../mod.ts";
import { getOriginal, isPatched, patchAll } from "../../monkey/mod.ts";

/** What a few functions and classes are, compared with what they were before. */
function look(): Record<string, unknown> {
  return {
    "fetch": fetch,
    "setTimeout": setTimeout,
    "Deno.connect": Deno.connect,
    "Deno.Command": Deno.Command,
  };
}

export default function monkeyIdentity(): void {
  const before = look();
  const compare = (): void => {
    for (const [name, value] of Object.entries(look())) {
      console.log(`${name} is the runtime's own: ${value === before[name]}`);
    }
  };

  compare();
  console.log("After monkey patch");
  const patches = patchAll({ onWarning() {} });
  compare();
  console.log(`The original is at hand: ${getOriginal(Deno.connect) === before["Deno.connect"]}`);
  console.log(`It is still called ${Deno.connect.name}`);
  console.log("After unpatching");
  patches.unpatch();
  compare();
  console.log(`Anything is patched: ${isPatched()}`);
}

if (import.meta.main) main(monkeyIdentity);
