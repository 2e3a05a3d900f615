/**
 * Requests as apps get them: without headers that could be taken for others, and with bodies that must arrive in time, and
 * must not be too long.
 *
 * For bodies there are two ways, as one would be slow and the other has a hole. Where the length was declared, the runtime keeps to
 * it, and only time is left to be limited: the request stays what it is, and the ways of reading its body are overridden;
 * reading stays native. Where it was not, somebody has to count: the app gets a new request around a stream that does, which
 * also holds for requests that are made from it.
 *
 * @module
 */

import { Interrupt } from "../core/errors.ts";
import { countDown, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { HttpError } from "./errors.ts";

/** What holds for a request; `Infinity` for no limit. */
export interface RequestTerms {
  /** Whether headers with an underscore in their name are kept from the app. */
  readonly dropUnderscores: boolean;
  /** How long the body may be, in bytes. */
  readonly maxBodySize: number;
  /** How long it may take, in ms, from when reading it begins. */
  readonly bodyTimeout: number;
}

// deno-lint-ignore no-explicit-any -- one constant serves for whatever a body is read as
const READ_BODY: WaitKind<any> = {
  name: "the body of the request",
  timeoutError: () => new HttpError(408, "The body did not come in time"),
};

const TERMS: unique symbol = Symbol("terms");
const STREAM: unique symbol = Symbol("stream of the body");
const HEADERS: unique symbol = Symbol("clean headers");

type Chunk = Uint8Array<ArrayBuffer>;

/** What is added to a request of the runtime. */
interface Limited {
  [HEADERS]?: Headers;
  [TERMS]?: RequestTerms;
  [STREAM]?: ReadableStream<Chunk> | null;
}

/** The longest body that a server accepts in a request; `undefined` when it has not said. */
export function maxBodySizeOf(request: Request & Limited): number | undefined {
  return request[TERMS]?.maxBodySize;
}

/** The error to throw for a body that is longer than allowed. */
export function tooLong(limit: number): HttpError {
  return new HttpError(413, `The body is longer than ${limit} bytes`);
}

/** What an error while reading a body means: that the client has left, or has sent nonsense, is not ours to report. */
export function bodyError(error: unknown): unknown {
  // Type errors are about the app reading it twice, syntax errors about what is in it.
  const isOurs = error instanceof HttpError || error instanceof Interrupt ||
    error instanceof TypeError || error instanceof SyntaxError;
  return isOurs ? error : new HttpError(400, "The body breaks off or is malformed", {
    cause: error,
  });
}

/** Keeps the terms for a request without a body. Returns the very request. */
export function plainRequest(request: Request & Limited, terms: RequestTerms): Request {
  if (!terms.dropUnderscores) return request;
  request[TERMS] = terms;
  return Object.setPrototypeOf(request, PlainRequest.prototype);
}

/** Limits the time for a body with a declared length. Returns the very request. */
export function timedRequest(request: Request & Limited, terms: RequestTerms): Request {
  request[TERMS] = terms;
  return Object.setPrototypeOf(request, TimedRequest.prototype);
}

/** Limits the size of a body, and the time for it. Returns another request. */
export function limitedRequest(request: Request, terms: RequestTerms): Request {
  try {
    return new LimitedRequest(request, terms);
  } catch (cause) {
    throw new HttpError(400, "The URL is malformed", { cause });
  }
}

/** Never constructed: a prototype for requests of the runtime. */
class PlainRequest extends Request implements Limited {
  declare [TERMS]?: RequestTerms;
  declare [HEADERS]?: Headers;

  /** Looked through when somebody wants them, and not before. */
  override get headers(): Headers {
    return this[HEADERS] ??= cleanHeaders(super.headers, this[TERMS]!);
  }

  override clone(): Request {
    return plainRequest(super.clone(), this[TERMS]!);
  }
}

/** Never constructed either. */
class TimedRequest extends PlainRequest implements Limited {
  declare [STREAM]?: ReadableStream<Chunk> | null;

  override get body(): ReadableStream<Chunk> | null {
    if (this[STREAM] === undefined) {
      this[STREAM] = super.body === null ? null : limitedStream(() => super.body!, this[TERMS]!);
    }
    return this[STREAM];
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return inTime(super.arrayBuffer(), this[TERMS]!);
  }

  override blob(): Promise<Blob> {
    return inTime(super.blob(), this[TERMS]!);
  }

  override bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return inTime(super.bytes(), this[TERMS]!);
  }

  override formData(): Promise<FormData> {
    return inTime(super.formData(), this[TERMS]!);
  }

  override json(): ReturnType<Request["json"]> {
    return inTime(super.json(), this[TERMS]!);
  }

  override text(): Promise<string> {
    return inTime(super.text(), this[TERMS]!);
  }

  override clone(): Request {
    return timedRequest(super.clone(), this[TERMS]!);
  }
}

/**
 * Headers without those that have an underscore in their name. Here they are names of their own; but gateways, and many a
 * server behind this one, do not tell them from those with dashes, which a proxy may vouch for.
 */
function cleanHeaders(headers: Headers, { dropUnderscores }: RequestTerms): Headers {
  const hasUnderscore = (name: string): boolean => name.includes("_");
  if (!dropUnderscores || ![...headers.keys()].some(hasUnderscore)) return headers;
  return new Headers([...headers].filter(([name]) => !hasUnderscore(name)));
}

/** A request like another one, around a body that is counted. */
class LimitedRequest extends Request implements Limited {
  declare [TERMS]?: RequestTerms;
  readonly #original: Request;

  constructor(original: Request, terms: RequestTerms) {
    const { method } = original;
    const headers = cleanHeaders(original.headers, terms);
    const body = limitedStream(() => original.body!, terms);
    super(original.url, { method, headers, body, duplex: "half" } as RequestInit);
    this.#original = original;
    this[TERMS] = terms;
  }

  /** As it was sent, and not as a parser would write it. */
  override get url(): string {
    return this.#original.url;
  }

  /** Asked for only when it is needed: the runtime then has to watch the connection. */
  override get signal(): AbortSignal {
    return this.#original.signal;
  }
}

/** A body that is read when somebody wants it and not before, so that it may be looked at and still be read otherwise. */
function limitedStream(
  source: () => ReadableStream<Chunk>,
  terms: RequestTerms,
): ReadableStream<Chunk> {
  let reader: ReadableStreamDefaultReader<Chunk> | undefined;
  let timeLeft: (() => WaitOptions["timeout"]) | undefined;
  let length = 0;
  return new ReadableStream<Chunk>({
    async pull(controller): Promise<void> {
      reader ??= source().getReader();
      timeLeft ??= countDown(terms.bodyTimeout);
      try {
        const { done, value } = await inTime(reader.read(), { bodyTimeout: timeLeft() as number });
        if (done) return controller.close();
        length += value.length;
        if (length > terms.maxBodySize) throw tooLong(terms.maxBodySize);
        controller.enqueue(value);
      } catch (error) {
        reader.cancel(error).catch(() => {}); // whatever it says, it is not wanted any more
        throw error;
      }
    },
    async cancel(reason): Promise<void> {
      await (reader ?? source()).cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** Waits for something that is being read. */
function inTime<T>(
  reading: Promise<T>,
  { bodyTimeout }: Pick<RequestTerms, "bodyTimeout">,
): Promise<T> {
  reading.catch(() => {}); // nobody is there to be told when the wait is over before
  return parkWait<T>(
    (wait) => {
      reading.then(
        (value) => void wait.resume(value),
        (error) => void wait.fail(bodyError(error)),
      );
    },
    { timeout: bodyTimeout },
    READ_BODY,
  );
}
