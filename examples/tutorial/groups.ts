// Greenlets that are waited for together.
import { Group, main, spawn } from "../../mod.ts";

function talk(message: string): void {
  for (let i = 0; i < 3; i++) console.log(message);
}

export default async function groups(): Promise<void> {
  const g1 = spawn(talk, "bar");
  const g2 = spawn(talk, "foo");
  const g3 = spawn(talk, "fizz");

  const group = new Group();
  await group.add(g1);
  await group.add(g2);
  await group.join();

  await group.add(g3);
  await group.join();
}

if (import.meta.main) main(groups);
