import { assert, assertEquals, assertRejects } from "@std/assert";
import { HttpServer } from "../../http/server.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { RawClient, serve } from "../helpers/http.ts";
import type { ChildProgram } from "../helpers/child_program.ts";
import { startScript } from "../helpers/script.ts";

const LINUX = Deno.build.os === "linux";

/** A process that says who it is, at a port that it shares with others. */
async function startSharing(port: number, guard: boolean): Promise<[ChildProgram, number]> {
  const script = startScript(
    `
    import { HttpServer } from "@/http/mod.ts";
    const server = new HttpServer("127.0.0.1:${port}", () => String(Deno.pid), {
      reusePort: true,
      guard: ${guard},
      log: null,
    });
    await server.start();
    console.log(server.port);
    console.log("ready");
  `,
    "--unstable-net",
  );
  const lines = (await script.line("ready")).split("\n");
  return [script, Number(lines[0])];
}

/** Who answers at a port. */
async function whoIsAt(port: number): Promise<string> {
  using client = await RawClient.connect({ hostname: "127.0.0.1", port });
  await client.request("GET /", { connection: "close" });
  return await client.body(await client.head());
}

for (const guard of [false, true]) {
  ioTest(
    `reusePort lets processes share a port${guard ? " behind guards" : ""}`,
    async () => {
      const [first, port] = await startSharing(0, guard);
      await using _first = first;
      const [second, same] = await startSharing(port, guard);
      await using _second = second;
      assertEquals(same, port);
      const seen = new Map<string, number>();
      for (let i = 0; i < 200; i++) {
        const pid = await whoIsAt(port);
        seen.set(pid, (seen.get(pid) ?? 0) + 1);
      }
      assertEquals(seen.size, 2);
      for (const count of seen.values()) assert(count > 20, [...seen.values()].join());
      second.kill("SIGKILL");
      await second.end();
      const left = await whoIsAt(port);
      for (let i = 0; i < 20; i++) assertEquals(await whoIsAt(port), left);
    },
    { ignore: !LINUX },
  );
}

ioTest("reusePort says what it needs", async () => {
  // The tests run without --unstable-net.
  for (const guard of [false, true]) {
    const server = new HttpServer("127.0.0.1:0", () => "", { reusePort: true, guard, log: null });
    await assertRejects(() => server.start(), Deno.errors.NotSupported, "--unstable-net");
  }
});

ioTest("HttpServer does not share its port by default", async () => {
  await using server = await serve(() => "");
  const other = new HttpServer(server.address, () => "", { log: null });
  await assertRejects(() => other.start(), Deno.errors.AddrInUse);
});

ioTest("deno serve --parallel runs an HttpServer, with greenlets, in threads", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/main.ts`;
  await Deno.writeTextFile(
    path,
    `
    import { HttpServer } from ${
      JSON.stringify(new URL("../../http/mod.ts", import.meta.url).href)
    };
    import { getCurrent, sleep } from ${
      JSON.stringify(new URL("../../core/mod.ts", import.meta.url).href)
    };
    const id = crypto.randomUUID();
    export default new HttpServer(0, async (_request, { remoteAddr }) => {
      await sleep(1);
      return { id, greenlet: getCurrent().constructor.name, from: remoteAddr.hostname };
    });
  `,
  );
  const process = new Deno.Command(Deno.execPath(), {
    args: ["serve", "-A", "--no-config", "--parallel", "--host=127.0.0.1", "--port=0", path],
    env: { NO_COLOR: "1", DENO_JOBS: "2" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let printed = "";
  const stderr = (async () => {
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) printed += text;
  })();
  const portOf = (): string | undefined => /127\.0\.0\.1:(\d+)/.exec(printed)?.[1];
  await eventually(() => portOf() !== undefined);
  const port = Number(portOf());
  const ids = new Set<string>();
  let answers = 0;
  await eventually(async () => {
    const { id, greenlet, from } = JSON.parse(await whoIsAt(port));
    assertEquals([greenlet, from], ["Exchange", "127.0.0.1"]);
    answers++;
    ids.add(id);
    return ids.size === 2;
  });
  const logged = (): number => printed.match(/"GET \/ HTTP\/1\.1" 200/g)?.length ?? 0;
  await eventually(() => logged() === answers);
  process.kill("SIGTERM");
  await process.status;
  await stderr;
  await Deno.remove(folder, { recursive: true });
});
