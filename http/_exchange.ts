/**
 * One request and its answer, as they happen inside the greenlet of the request.
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import { Greenlet } from "../core/greenlet.ts";
import { checkpoint, parkWait } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import type { AccessLogEntry } from "./access_log.ts";
import { answerFor, chunksOf, lengthOf, type StreamedBody } from "./body.ts";
import { HttpError } from "./errors.ts";
import type { HttpApp, HttpInfo } from "./server.ts";
import { isUpgraded, upgradeOf } from "./websocket.ts";

const ROOM: WaitKind<void> = { name: "the client to take more of the body" };

/** What the runtime is told when a body ends early; the reason itself is reported by the greenlet of the request. */
export const CUT_OFF: Error = new Error("The body was cut off");

/** How many bytes of a streamed body may wait for the client before its producer has to. */
const HIGH_WATER_MARK = 65536;

/** The greenlet of one request: runs the app and sees to it that there is exactly one answer. */
export class Exchange extends Greenlet<void> {
  readonly #app: HttpApp;
  readonly #request: Request;
  readonly #info: HttpInfo;
  readonly #resolve: (response: Response) => void;
  readonly #log: ((entry: AccessLogEntry) => void) | null;
  /** Read at the beginning: the runtime forgets about a request that has been answered. */
  readonly #origin: { address: string; requestLine: string; begun: number } | undefined;
  #status = 0;
  #length: number | undefined;

  /** `resolve` takes the response to the runtime; `log` is told of it once all has been sent, as far as we know. */
  constructor(
    app: HttpApp,
    request: Request,
    info: HttpInfo,
    resolve: (response: Response) => void,
    log: ((entry: AccessLogEntry) => void) | null,
  ) {
    super();
    this.#app = app;
    this.#request = request;
    this.#info = info;
    this.#resolve = resolve;
    this.#log = log;
    if (log === null) return;
    const { remoteAddr } = info;
    this.#origin = {
      address: "hostname" in remoteAddr ? remoteAddr.hostname : "-",
      requestLine: `${request.method} ${targetOf(request.url)} HTTP/1.1`,
      begun: performance.now(),
    };
  }

  /** Ends when the whole body has been handed on. */
  override async run(): Promise<void> {
    try {
      const result = await this.#app(this.#request, this.#info);
      const answer = answerFor(result);
      if (!(answer instanceof Response)) return await this.#stream(answer.body, answer.init);
      this.#respond(answer, this.#log === null ? undefined : lengthOf(result, answer));
      const upgrade = upgradeOf(answer);
      if (upgrade !== undefined) await upgrade.run();
    } catch (error) {
      if (!(error instanceof HttpError) || this.#status !== 0) throw error;
      this.#respondWithText(error.status, error.message);
    }
  }

  /** The server has no room for the request: it is answered without ever running. */
  refuse(): void {
    this.#respondWithText(503, "Service Unavailable");
    this.throw();
  }

  /** The client has left, or got all of the answer: the runtime may not tell which. */
  abandon(): void {
    if (this.#status === 0 && !isUpgraded(this.#request)) this.throw();
  }

  /** If there was no answer, there is one now; the client learns that it is not its fault, and nothing more. */
  protected override ended(): void {
    if (this.#status === 0) {
      if (this.successful) this.#respondWithText(503, "Service Unavailable");
      else this.#respondWithText(500, "Internal Server Error");
    }
    if (this.#log !== null) this.#log(this.#logEntry());
  }

  #logEntry(): AccessLogEntry {
    const { address, requestLine, begun } = this.#origin!;
    return {
      address,
      time: new Date(),
      requestLine,
      status: this.#status,
      length: this.#length,
      ms: performance.now() - begun,
    };
  }

  #respond(response: Response, length: number | undefined): void {
    this.#status = response.status;
    this.#length = length;
    this.#resolve(response);
  }

  #respondWithText(status: number, text: string): void {
    const headers = { "content-type": "text/plain; charset=utf-8" };
    this.#respond(new Response(text, { status, headers }), new TextEncoder().encode(text).length);
  }

  /** Produces the body here, in the greenlet of the request, at the pace at which the client takes it. */
  async #stream(body: StreamedBody, init: ResponseInit): Promise<void> {
    const waitingForRoom = new WaitQueue<void>();
    let gone = false;
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (given) => void (controller = given),
      pull: () => void waitingForRoom.resumeAll(undefined),
      cancel: () => {
        gone = true;
        this.throw(new GreenletExit("The client has left"));
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }));
    this.#respond(new Response(stream, init), 0);
    try {
      for await (const chunk of chunksOf(body)) {
        if ((controller.desiredSize ?? 0) <= 0 && !gone) {
          await parkWait<void>((wait) => waitingForRoom.add(wait), undefined, ROOM);
        }
        if (gone) {
          // The producer was waiting for something else than the library when the client left.
          const refused = checkpoint();
          return refused === undefined ? undefined : await refused;
        }
        controller.enqueue(chunk);
        this.#length! += chunk.length;
      }
      controller.close();
    } catch (error) {
      // The client sees a body that was cut off rather than one that looks complete.
      if (!gone) controller.error(CUT_OFF);
      throw error;
    }
  }
}

/** What follows the host; taken literally, as a client can send a host with which this is no URL. */
function targetOf(url: string): string {
  const slash = url.indexOf("/", url.indexOf("//") + 2);
  return slash === -1 ? "/" : url.slice(slash);
}
