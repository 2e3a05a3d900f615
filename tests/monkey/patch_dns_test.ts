import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import dgram from "node:dgram";
import { spawn } from "../../core/spawn.ts";
import { patchDns } from "../../monkey/patch_dns.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited } from "../helpers/killed.ts";

/** A name server that never answers. */
async function silentServer(): Promise<{ ipAddr: string; port: number } & AsyncDisposable> {
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    ipAddr: "127.0.0.1",
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void socket.close(() => resolve())),
  };
}

ioTest("Deno.resolveDns() ends the lookup when it is killed or timed out", async () => {
  using _patch = patchDns();
  await using nameServer = await silentServer();
  const lookup = (): Promise<string[]> => Deno.resolveDns("a.test", "A", { nameServer });
  await assertKillable("Deno.resolveDns", lookup);
  await assertLimited(lookup);
});

ioTest("Deno.resolveDns() heeds the signal of its caller in a greenlet", async () => {
  using _patch = patchDns();
  await using nameServer = await silentServer();
  const controller = new AbortController();
  const g = spawn(() =>
    assertRejects(() => Deno.resolveDns("a.test", "A", { nameServer, signal: controller.signal }))
  );
  const reason = new Error("no more");
  controller.abort(reason);
  assertStrictEquals(await g.get(), reason);
});

ioTest("Deno.resolveDns() refuses in a greenlet what it refuses elsewhere", async () => {
  using _patch = patchDns();
  const options = { signal: 5 as never };
  const refuse = async (): Promise<string> =>
    (await assertRejects(() => Deno.resolveDns("a.test", "A", options), TypeError)).message;
  assertEquals(await spawn(refuse).get(), await refuse());
});

Deno.test("patchDns() leaves the name and the length of the function", () => {
  const { name, length } = Deno.resolveDns;
  using _patch = patchDns();
  assertEquals([Deno.resolveDns.name, Deno.resolveDns.length], [name, length]);
});
