// Coroutines that say themselves who is next.
import { main, RawGreenlet } from "../../mod.ts";

export default async function rawGreenlets(): Promise<void> {
  const g1 = new RawGreenlet(async () => {
    console.log("f1", 1);
    await g2.switch();
    console.log("f1", 2);
    await g2.switch();
    console.log("f1", 3);
  });

  const g2 = new RawGreenlet(async () => {
    console.log("f2", 1);
    await g1.switch();
    console.log("f2", 2);
    await g1.switch();
  });

  await g1.switch();
}

if (import.meta.main) main(rawGreenlets);
