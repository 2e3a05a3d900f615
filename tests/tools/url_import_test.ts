import { assertEquals } from "@std/assert";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** A path like those of package servers, to catch imports that start at the root of the host. */
const PREFIX = "/gevent@latest/";

const PUBLISHED = config.publish.include.map((path) => path.replace(/\/$/, ""));

/** Serves the published part of the repository, and nothing else that could help. */
async function serveFile(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const path = pathname.slice(PREFIX.length);
  const top = path.split("/")[0] ?? "";
  if (!pathname.startsWith(PREFIX) || !PUBLISHED.includes(top) || !path.endsWith(".ts")) {
    return new Response("Not found", { status: 404 });
  }
  try {
    const source = await Deno.readTextFile(new URL(path, ROOT));
    return new Response(source, { headers: { "content-type": "text/plain; charset=utf-8" } });
  } catch {
    return new Response("Not found", { status: 404 });
  }
}

/** Runs a program that may import from `host` and has no other permission. */
async function run(host: string, source: string): Promise<{ code: number; output: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const program = join(folder, "program.ts");
    await Deno.writeTextFile(program, source);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-lock", "--no-prompt", `--allow-import=${host}`, program],
      cwd: folder,
      // A cache of its own, so that the random port does not fill up the user's.
      env: { DENO_DIR: join(folder, "cache"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const errors = new TextDecoder().decode(stderr).split("\n")
      .filter((line) => !/^(Download .*|)$/.test(line)).join("\n");
    return { code, output: new TextDecoder().decode(stdout) + errors };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "the library can be imported from a URL",
  timeout: 60_000,
  fn: async () => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      serveFile,
    );
    const host = `127.0.0.1:${server.addr.port}`;
    const url = (path: string): string => JSON.stringify(new URL(path, `http://${host}${PREFIX}`));

    const imports = Object.values(config.exports).map((path) => `import ${url(path)};\n`);
    const result = await run(
      host,
      `${imports.join("")}
      import { joinAll, main, sleep, spawn } from ${url("./mod.ts")};

      main(async () => {
        const greenlets = [1, 2, 3].map((n) =>
          spawn(async () => {
            await sleep(1);
            return n * n;
          })
        );
        await joinAll(greenlets);
        console.log(greenlets.map((greenlet) => greenlet.value).join());
      });`,
    );
    assertEquals(result, { code: 0, output: "1,4,9\n" });
  },
});
