import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { ioTest } from "../helpers/io_test.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

ioTest("The server of files serves a folder, and stops on Ctrl-C", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/index.html`, "<p>Hello</p>");
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "examples/static_files.ts", folder, "0"],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(process.stderr).text();
    let printed = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      const url = /at (http:\S+)/.exec(printed)?.[1];
      if (url === undefined) continue;
      const page = await fetch(url, { headers: { range: "bytes=3-7" } });
      assertEquals([page.status, await page.text()], [206, "Hello"]);
      const none = await fetch(new URL("/none", url));
      assertEquals([none.status, await none.text()], [404, "Not Found"]);
      process.kill("SIGINT");
    }
    const { code } = await process.status;
    assertEquals(code, 0);
    const lines = (await stderr).split("\n").filter((line) => line.includes('HTTP/1.1"'));
    assertEquals(lines.length, 2);
  });
});
