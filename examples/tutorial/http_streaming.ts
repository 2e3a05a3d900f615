// A page that is sent in pieces at `/`, and one that is sent as a whole at `/buffered`.
import { type Address, type HttpResult, HttpServer, main, sleep, streamed } from "../../mod.ts";

const headers = { "content-type": "text/html" };

async function* pieces(): AsyncGenerator<string> {
  yield "<p>Hello";
  await sleep(100); // there is something to be looked up
  yield "World</p>";
}

function application(request: Request): HttpResult {
  if (new URL(request.url).pathname === "/buffered") {
    return new Response("<p>Hello World</p>", { headers });
  }
  return streamed(pieces(), { headers });
}

export default function httpStreaming(address: Address = 8000): HttpServer {
  return new HttpServer(address, application);
}

if (import.meta.main) main(() => httpStreaming().serveForever());
