import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DnsServer } from "../helpers/dns_server.ts";
import { runExample, startExample } from "../helpers/example.ts";
import { bytes, readAll, text } from "../helpers/sockets.ts";

function programTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, timeout: 60_000, fn });
}

for (const file of ["udp_client.ts", "dns_mass_resolve.ts"]) {
  programTest(`${file} says how it is used`, async () => {
    const { code, stdout, stderr } = await runExample(file);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, new RegExp(`^Usage: ${file} [A-Z]+.*\n$`));
  });
}

programTest("udp_server.ts answers udp_client.ts, and stops at Ctrl-C", async () => {
  await using server = startExample("udp_server.ts", "0");
  const [, port] = await server.printed(/at port (\d+) .*Ctrl-C/);
  for (const message of ["hello", "so long"]) {
    const { code, stdout, stderr } = await runExample(
      "udp_client.ts",
      `localhost:${port}`,
      message,
    );
    assertEquals([code, stdout, stderr], [0, `Received ${message.length} bytes\n`, ""]);
  }
  server.kill();
  const { stdout, stderr } = await server.end();
  assertMatch(stdout, /\n127\.0\.0\.1:\d+: got "hello"\n127\.0\.0\.1:\d+: got "so long"\n$/);
  assertEquals(stderr, "");
});

programTest("udp_client.ts tries again, and gives up when nobody answers", async () => {
  const socket = (await import("node:dgram")).createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${socket.address().port}`;
  let asked = 0;
  socket.on("message", (_message, { port }) => {
    if (++asked === 2) socket.send("late", port, "127.0.0.1");
  });
  const { code, stdout } = await runExample("udp_client.ts", address, "hello");
  assertEquals([code, stdout], [0, "No answer\nlate\n"]);
  await new Promise<void>((resolve) => socket.close(resolve));
});

programTest("dns_mass_resolve.ts resolves names side by side", async () => {
  await using server = await DnsServer.start();
  const release = Promise.withResolvers<void>();
  const names = Array.from({ length: 30 }, (_, i) => `host${i}.test`);
  for (const [i, name] of names.entries()) {
    server.on(name, "A", () => {
      if (server.questions.length === 20) release.resolve(); // all that may run side by side
      return { records: [{ data: `192.0.2.${i}` }], after: release.promise };
    });
  }
  server.on("silent.test", "A", { silent: true });
  const all = [...names, "unknown.test", "silent.test"];
  const { code, stdout, stderr } = await runExample(
    "dns_mass_resolve.ts",
    server.nameServer,
    ...all,
  );
  assertEquals([code, stderr], [0, ""]);
  for (const [i, name] of names.entries()) assertStringIncludes(stdout, `${name}: 192.0.2.${i}\n`);
  assertStringIncludes(stdout, "unknown.test: Cannot resolve 'unknown.test'");
  assertStringIncludes(stdout, "silent.test: too slow\n");
  assertMatch(stdout, /Found 30 of 32\n$/);
});

programTest("backdoor.ts lets who has the token look at it and change it", async () => {
  await using example = startExample("backdoor.ts", "0");
  const [, port, token] = await example.printed(/port (\d+), its token is (\w+) .*Ctrl-C/);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const lines = [
    token,
    "settings.pace = 1",
    "worker.dead",
    "printRunInfo()",
    "await worker.kill()",
    "worker.dead",
    "quit()",
  ];
  await conn.write(bytes(lines.map((line) => `${line}\n`).join("")));
  const shown = text(await readAll(conn));
  assertMatch(shown, /^Token: You are in the backdoor example[^]*>>> 1\n>>> false\n/);
  assertStringIncludes(shown, '<Greenlet "worker"');
  assertMatch(shown, />>> true\n>>> $/);
  await example.printed(/Round 1/);
  example.kill();
  const { stderr } = await example.end();
  assertEquals(stderr, "");
});
