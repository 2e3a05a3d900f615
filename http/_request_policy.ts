/**
 * Which requests get to the app at all, and how much of a body it gets.
 *
 * The runtime refuses most of what is malformed by itself. This is about the rest, and about size. All of it is read from
 * the request only as far as a limit asks for it, since each look costs a call into the runtime.
 *
 * @module
 */

import {
  limitedRequest,
  plainRequest,
  type RequestTerms,
  timedRequest,
} from "./_limited_request.ts";
import type { RequestLimits } from "./request_limits.ts";

/** What the name of a host may consist of, or an address in brackets, with a port behind it. */
const HOST = /^(?:[\w\-.~!$&'()*+,;=%]*|\[[\da-f:.]+\])(?::\d*)?$/i;

/** A client may send a whole URL as the target of its request. */
const SCHEME = /^https?:\/\//;
/** What the runtime makes the URLs of a server on a unix socket begin with. */
const UNIX_SCHEME = "http+unix://";

/** The limits of a server, and what it makes of a request. */
export class RequestPolicy {
  readonly #maxUrlLength: number;
  readonly #maxHeaders: number;
  readonly #maxHeaderSize: number;
  readonly #limitsHeaders: boolean;
  readonly #terms: RequestTerms;
  /** What was looked at last and was found good: most requests ask for the same host. */
  #goodOrigin = "\n";
  #goodHost = "\n";

  /**
   * Fills in the defaults.
   *
   * @throws {RangeError} When a limit is negative or not a number.
   */
  constructor(limits: RequestLimits) {
    this.#maxUrlLength = limitFrom("maxUrlLength", limits.maxUrlLength, 8192);
    this.#maxHeaders = limitFrom("maxHeaders", limits.maxHeaders, null);
    this.#maxHeaderSize = limitFrom("maxHeaderSize", limits.maxHeaderSize, null);
    this.#limitsHeaders = this.#maxHeaders < Infinity || this.#maxHeaderSize < Infinity;
    this.#terms = {
      dropUnderscores: limits.dropUnderscores ?? false,
      maxBodySize: limitFrom("maxBodySize", limits.maxBodySize, 1024 * 1024),
      bodyTimeout: limitFrom("bodyTimeout", limits.bodyTimeout, 60_000),
    };
  }

  /** The status to answer a request with that the app must not see; 0 for one that it may see. */
  refusalOf(request: Request): number {
    const { method, url } = request;
    if (method === "CONNECT") return 501; // nobody here makes tunnels
    const origin = this.#goodOrigin;
    // With a single slash behind a host that is known, nothing of the host can have got into the path.
    let path = origin.length - 1;
    if (!url.startsWith(origin) || url.includes("/", origin.length)) {
      path = pathOf(url);
      if (!this.#isGoodHost(request, path)) return 400;
    }
    if (url.length - path > this.#maxUrlLength) return 414;
    if (this.#limitsHeaders && this.#areTooLarge(request.headers)) return 431;
    // To a GET or HEAD the runtime gives no body.
    return method === "GET" || method === "HEAD" ? 0 : this.#refusalOfBody(request.headers);
  }

  /** The request as the app gets it: with headers that mean what they say, and a body that keeps to the limits. */
  applyTo(request: Request): Request {
    const { method } = request;
    if (method === "GET" || method === "HEAD") return plainRequest(request, this.#terms);
    // The runtime sees to it that there comes no more than was declared.
    if (request.headers.has("content-length")) return timedRequest(request, this.#terms);
    const { body } = request;
    return body === null
      ? plainRequest(request, this.#terms)
      : limitedRequest(request, this.#terms);
  }

  /**
   * The runtime puts the URL of a request together from what the client says is the host, whatever that is: with `evil/x?`
   * the path would be another one than was asked for, and another one than a proxy has looked at.
   */
  #isGoodHost(request: Request, path: number): boolean {
    const { url } = request;
    const host = request.headers.get("host");
    if (host !== null && host !== this.#goodHost) {
      if (!isHost(host)) return false;
      this.#goodHost = host;
    }
    if (url.startsWith(this.#goodOrigin)) return true;
    const scheme = SCHEME.exec(url)?.[0];
    if (scheme === undefined) return url.startsWith(UNIX_SCHEME);
    if (!isHost(url.slice(scheme.length, path))) return false;
    if (url[path] === "/") this.#goodOrigin = url.slice(0, path + 1);
    return true;
  }

  #areTooLarge(headers: Headers): boolean {
    let count = 0;
    let size = 0;
    for (const [name, value] of headers) {
      count++;
      size += name.length + value.length + 4; // with the colon, the blank and the line end
    }
    return count > this.#maxHeaders || size > this.#maxHeaderSize;
  }

  #refusalOfBody(headers: Headers): number {
    // The runtime undoes no other coding, and the app would not know that it has to.
    const coding = headers.get("transfer-encoding");
    if (coding !== null && coding.toLowerCase() !== "chunked") return 501;
    const declared = headers.get("content-length");
    if (declared === null) return 0;
    if (!/^\d+$/.test(declared)) return 400; // the runtime lets several pass when they are the same
    return Number(declared) > this.#terms.maxBodySize ? 413 : 0;
  }
}

/**
 * Fills in the default of a limit; `null` is for none.
 *
 * @throws {RangeError} When it is negative or not a number.
 */
export function limitFrom(
  name: string,
  given: number | null | undefined,
  byDefault: number | null,
): number {
  const limit = given === undefined ? byDefault : given;
  if (limit === null) return Infinity;
  if (typeof limit === "number" && limit >= 0) return limit;
  throw new RangeError(
    `Cannot create a server as '${name}' must be a number that is not negative, or null: received ${
      Deno.inspect(limit)
    }`,
  );
}

/** Where the path begins in a URL; at the end if there is none. */
function pathOf(url: string): number {
  const path = url.slice(url.indexOf("//") + 2).search(/[/?#]/);
  return path === -1 ? url.length : url.indexOf("//") + 2 + path;
}

function isHost(text: string): boolean {
  return HOST.test(text) && (text === "" || URL.canParse(`http://${text}/`));
}
