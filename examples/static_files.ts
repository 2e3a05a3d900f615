// A server of files with Deno's standard library: `deno run -A examples/static_files.ts [folder] [port]`.
// Ranges, ETags and all that are the library's (`deno add jsr:@std/http`); each request has a greenlet, and the guard
// keeps slow clients from using up the server.
import { serveDir } from "@std/http/file-server";
import { HttpServer, main } from "../mod.ts";

const folder = Deno.args[0] ?? ".";
const port = Number(Deno.args[1] ?? 8000);

main(async () => {
  const app = (request: Request): Promise<Response> =>
    serveDir(request, { fsRoot: folder, showIndex: true, quiet: true });
  await using server = new HttpServer({ hostname: "127.0.0.1", port }, app, {
    guard: true,
    maxBodySize: 0,
  });
  await server.start();
  console.log(`Files of ${folder} are at ${server.url} (Ctrl-C to stop)`);
  await server.serveForever();
});
