// An answer that takes eight seconds, and holds up nobody else.
import { type Address, HttpError, type HttpResult, HttpServer, main, sleep } from "../../mod.ts";

async function* stream(): AsyncGenerator<string> {
  yield "START";
  await sleep(3000);
  yield "MIDDLE";
  await sleep(5000);
  yield "END";
}

function application(request: Request): HttpResult {
  if (new URL(request.url).pathname === "/stream") return stream();
  throw new HttpError(404);
}

export default function slowStream(address: Address = 8080): HttpServer {
  return new HttpServer(address, application);
}

if (import.meta.main) main(() => slowStream().serveForever());
