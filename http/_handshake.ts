/**
 * Whether a request may become a WebSocket.
 *
 * The runtime checks some of it, too, but throws: what a client has done wrong would look like an error of the program.
 *
 * @module
 */

import type { WebSocketOptions } from "./upgrade_websocket.ts";

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** What was agreed on with a client that may connect. */
export interface Agreement {
  /** The sub-protocol; empty for none. */
  readonly protocol: string;
}

/** What is agreed on with the client if its request may become a WebSocket; else the answer to it. */
export function negotiate(request: Request, options: WebSocketOptions): Agreement | Response {
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
  const { origins, protocol: wanted = "" } = options;
  if (!isAllowed(request, origins)) return refusal(403, "This origin may not connect.");
  const known = typeof wanted === "string" ? [wanted] : wanted;
  const offered = listIn(request, "sec-websocket-protocol");
  const protocol = known.find((name) => offered.includes(name));
  if (protocol !== undefined) return { protocol };
  if (known.includes("")) return { protocol: "" };
  return refusal(400, `Expected the WebSocket protocol ${known.join(" or ")}.`);
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
