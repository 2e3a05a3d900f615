import { assertEquals } from "@std/assert";
import { patchDatagram } from "../../monkey/patch_datagram.ts";
import { ioTest } from "../helpers/io_test.ts";
import { runScript } from "../helpers/script.ts";

ioTest("Deno.DatagramConn.receive() loses no datagram when it is killed", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { sleep, spawn, withTimeout } from "@/mod.ts";
    import { patchDatagram } from "@/monkey/mod.ts";
    using patches = patchDatagram();
    console.log(patches.names.join());
    const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const [one, other] = [open(), open()];
    const decode = ([data]) => new TextDecoder().decode(data);
    const killed = spawn(() => one.receive());
    await sleep(1);
    await killed.kill();
    console.log("killed", killed.dead);
    await spawn(() => other.send(new TextEncoder().encode("first"), one.addr)).get();
    await spawn(() => other.send(new TextEncoder().encode("second"), one.addr)).get();
    console.log(decode(await spawn(() => one.receive()).get()));
    const small = new Uint8Array(3);
    console.log(decode(await spawn(() => one.receive(small)).get()), decode([small]));
    console.log(await spawn(() => withTimeout(5, () => one.receive(), { timeoutValue: "late" })).get());
    const reader = spawn(async () => {
      for await (const datagram of one) console.log(decode(datagram));
    });
    await sleep(1);
    await other.send(new TextEncoder().encode("third"), one.addr);
    await sleep(10);
    one.close();
    await reader.get();
    other.close();
  `,
    "--unstable-net",
  );
  assertEquals([stdout, stderr], [
    "Deno.listenDatagram\nkilled true\nfirst\nsec sec\nlate\nthird\n",
    "",
  ]);
});

Deno.test("patchDatagram() does nothing without --unstable-net", () => {
  if ("listenDatagram" in Deno) return;
  assertEquals(patchDatagram().names, []);
});
