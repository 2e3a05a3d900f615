// A group runs a function for each item, and gives the results in order or as they come.
import { getCurrent, Group, main, sleep } from "../../mod.ts";

async function intensive(n: number): Promise<[string, number]> {
  await sleep((3 - n) * 1000);
  return ["task", n];
}

export default async function groupMaps(): Promise<void> {
  const group = new Group();

  function helloFrom(_n: number): void {
    console.log(`Size of group ${group.size}`);
    console.log(`Hello from Greenlet ${getCurrent().id}`);
  }

  await group.map(helloFrom, [0, 1, 2]);

  console.log("Ordered");
  for await (const [name, n] of new Group().imap(intensive, [0, 1, 2])) {
    console.log(`('${name}', ${n})`);
  }

  console.log("Unordered");
  for await (const [name, n] of new Group().imapUnordered(intensive, [0, 1, 2])) {
    console.log(`('${name}', ${n})`);
  }
}

if (import.meta.main) main(groupMaps);
