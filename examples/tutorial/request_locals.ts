// Functions use what belongs to the request they work for, without being handed it.
import { type Address, type HttpInfo, HttpServer, local, main } from "../../mod.ts";

const request = local(() => ({ remoteAddress: "nobody" }));

function logic(): string {
  return `Hello ${request.remoteAddress}`;
}

function application(_request: Request, { remoteAddr }: HttpInfo): Response {
  request.remoteAddress = (remoteAddr as Deno.NetAddr).hostname;
  return new Response(logic(), { headers: { "content-type": "text/html" } });
}

export default function requestLocals(address: Address = 8000): HttpServer {
  return new HttpServer(address, application);
}

if (import.meta.main) main(() => requestLocals().serveForever());
