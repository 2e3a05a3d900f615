import { assertEquals } from "@std/assert";
import { runScript } from "../helpers/script.ts";

for (const protocol of ["TCP", "TLS"]) {
  Deno.test({
    name: `StreamServer keeps nothing of connections that are over (${protocol})`,
    timeout: 60_000,
    async fn() {
      const { stdout, stderr } = await runScript(
        `
        import { connect, sleep, spawn, StreamServer, Timeout } from "@/mod.ts";
        import { CLIENT, SERVER } from "@/tests/helpers/tls.ts";
        const [tls, options] = "${protocol}" === "TLS" ? [CLIENT, SERVER] : [false, {}];
        let collected = 0, made = 0;
        const registry = new FinalizationRegistry(() => collected++);
        const watch = (value) => {
          made++;
          registry.register(value, undefined);
        };
        const server = new StreamServer("127.0.0.1:0", async (socket) => {
          watch(socket);
          const line = await socket.readLine();
          await socket.sendAll(line);
          if (line[0] === 102) throw new Error("fail");
          await socket.recv();
        }, { spawn: 10, ...options });
        await server.start();
        const talk = async (line) => {
          const client = await connect(server.address, { tls });
          watch(client);
          await client.sendAll(new TextEncoder().encode(line));
          await client.readLine();
          const reader = spawn(() => client.recv());
          await sleep(1);
          await reader.kill();
          client.close();
        };
        const beSilent = async () => {
          const client = await connect(server.address); // and no handshake
          watch(client);
          client.close();
        };
        for (let i = 0; i < 5; i++) {
          await talk("echo\\n");
          await talk("fail\\n");
          if (tls) await beSilent();
        }
        const wanted = tls ? 25 : 20;
        for (let i = 0; i < 400 && (collected < wanted || server.pool.size > 0); i++) {
          gc();
          await sleep(5);
        }
        console.log(made, collected, server.pool.size, server.started);
        await server.stop();
      `,
        "--v8-flags=--expose-gc",
        "--no-check",
      );
      const count = protocol === "TLS" ? 25 : 20;
      assertEquals(stdout, `${count} ${count} 0 true\n`, stderr);
    },
  });
}
