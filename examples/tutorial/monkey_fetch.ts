// Asking a service for the time nine times in a row, and nine times at once.
import { joinAll, main, spawn } from "../../mod.ts";
import { patchFetch } from "../../monkey/mod.ts";

async function ask(url: string, pid: number): Promise<string> {
  const response = await fetch(url);
  const { datetime } = await response.json();
  console.log(`Process ${pid}: ${datetime}`);
  return datetime;
}

async function synchronous(url: string): Promise<void> {
  for (let i = 1; i < 10; i++) await ask(url, i);
}

async function asynchronous(url: string): Promise<void> {
  await joinAll(Array.from({ length: 9 }, (_, i) => spawn(ask, url, i + 1)));
}

/** Tells the time, but takes its time. */
function timeService(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return Response.json({ datetime: new Date().toISOString() });
  });
}

export default async function monkeyFetch(url?: string): Promise<void> {
  using _patch = patchFetch();
  await using service = url === undefined ? timeService() : undefined;
  const address = url ?? `http://127.0.0.1:${service!.addr.port}/`;
  console.log("Synchronous:");
  await synchronous(address);
  console.log("Asynchronous:");
  await asynchronous(address);
}

if (import.meta.main) main(() => monkeyFetch());
