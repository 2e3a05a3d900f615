// Calls that wait are put together, and their errors caught, like any others.
import { Interrupt, main, sleep } from "../../mod.ts";

async function spam(): Promise<number> {
  await sleep(10);
  return 6;
}

async function egg(a: number, b: number): Promise<number> {
  await sleep(10);
  if (a === 0) throw new Error("The egg is bad");
  return a * b;
}

async function spamegg(a: number): Promise<number> {
  const b = await spam();
  return await egg(a, b);
}

async function spameggOrNull(a: number): Promise<number | null> {
  try {
    return await spamegg(a);
  } catch (error) {
    if (error instanceof Interrupt) throw error; // a kill or a timeout is meant for us all
    console.error(error);
    return null;
  }
}

export default async function composition(): Promise<void> {
  console.log(await spamegg(7));
  console.log(await spameggOrNull(0));
}

if (import.meta.main) main(composition);
