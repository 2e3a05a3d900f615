/**
 * Whether a request may become a WebSocket.
 *
 * The runtime checks some of it, too, but throws: what a client has done wrong would look like an error of the program.
 *
 * @module
 */

import type { WebSocketOptions } from "./websocket.ts";

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The answer to a request that may not become a WebSocket; `undefined` for one that may. */
export function refusalOf(request: Request, options: WebSocketOptions): Response | undefined {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return refusal(426, "Expected WebSocket request.", {
      upgrade: "websocket",
      connection: "upgrade",
    });
  }
  if (
    request.method !== "GET" || !KEY.test(request.headers.get("sec-websocket-key") ?? "") ||
    !listIn(request, "connection").some((entry) => entry.toLowerCase() === "upgrade")
  ) {
    return refusal(400, "Expected WebSocket request.");
  }
  if (request.headers.get("sec-websocket-version") !== "13") {
    return refusal(426, "Unsupported WebSocket version.", { "sec-websocket-version": "13" });
  }
  const { origins, protocol } = options;
  if (!isAllowed(request, origins)) return refusal(403, "This origin may not connect.");
  if (protocol !== undefined && !listIn(request, "sec-websocket-protocol").includes(protocol)) {
    return refusal(400, `Expected the WebSocket protocol '${protocol}'.`);
  }
  return undefined;
}

/** The entries of a header that is a list. */
function listIn(request: Request, header: string): string[] {
  return request.headers.get(header)?.split(",").map((entry) => entry.trim()) ?? [];
}

function isAllowed(request: Request, origins: WebSocketOptions["origins"]): boolean {
  const origin = request.headers.get("origin");
  if (origin === null || origins === "any") return true;
  if (origins !== undefined) return origins.includes(origin);
  return URL.canParse(origin) && new URL(origin).host === request.headers.get("host");
}

function refusal(status: number, text: string, headers: HeadersInit = {}): Response {
  return new Response(text, { status, headers });
}
