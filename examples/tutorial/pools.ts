// A pool is a group of limited size: here no more than two run at a time.
import { main, Pool } from "../../mod.ts";

export default async function pools(): Promise<void> {
  const pool = new Pool(2);

  function helloFrom(_n: number): void {
    console.log(`Size of pool ${pool.size}`);
  }

  await pool.map(helloFrom, [0, 1, 2]);
}

if (import.meta.main) main(pools);
