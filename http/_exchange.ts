/**
 * One request and its answer, as they happen inside the greenlet of the request.
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import { getCurrent } from "../core/spawn.ts";
import { parkWait } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import type { AccessLogEntry } from "./access_log.ts";
import { answerFor, chunksOf, type StreamedBody } from "./body.ts";
import { HttpError } from "./errors.ts";
import type { HttpApp, HttpInfo } from "./server.ts";
import { upgradeOf } from "./websocket.ts";

const ROOM: WaitKind<void> = { name: "the client to take more of the body" };

/** How many bytes of a streamed body may wait for the client before its producer has to. */
const HIGH_WATER_MARK = 65536;

/** Runs the app for one request and sees to it that there is exactly one answer. */
export class Exchange {
  readonly #app: HttpApp;
  readonly #request: Request;
  readonly #info: HttpInfo;
  readonly #resolve: (response: Response) => void;
  /** Read at the beginning: the runtime forgets about a request that has been answered. */
  readonly #origin: { address: string; requestLine: string; begun: number } | undefined;
  #status = 0;
  #length: number | undefined;

  /** `resolve` takes the response to the runtime; `logged` says that {@link Exchange.logEntry} will be asked for. */
  constructor(
    app: HttpApp,
    request: Request,
    info: HttpInfo,
    resolve: (response: Response) => void,
    logged: boolean,
  ) {
    this.#app = app;
    this.#request = request;
    this.#info = info;
    this.#resolve = resolve;
    if (!logged) return;
    const { remoteAddr } = info;
    const { pathname, search } = new URL(request.url);
    this.#origin = {
      address: "hostname" in remoteAddr ? remoteAddr.hostname : "-",
      requestLine: `${request.method} ${pathname}${search} HTTP/1.1`,
      begun: performance.now(),
    };
  }

  /** What the greenlet of the request does; ends when the whole body has been handed on. */
  async run(): Promise<void> {
    try {
      const result = await this.#app(this.#request, this.#info);
      const answer = answerFor(result);
      if ("body" in answer) return await this.#stream(answer.body, answer.init);
      this.#respond(answer.response, answer.length);
      await upgradeOf(answer.response)?.run();
    } catch (error) {
      if (!(error instanceof HttpError) || this.#status !== 0) throw error;
      this.#respondWithText(error.status, error.message);
    }
  }

  /** The server has no room for the request. */
  refuse(): void {
    this.#respondWithText(503, "Service Unavailable");
  }

  /** The greenlet has ended, with or without an error: if there was no answer, there is one now. */
  finish(error: unknown): void {
    // The client learns that it is not its fault, and nothing more.
    if (this.#status !== 0) return;
    if (error === undefined) this.#respondWithText(503, "Service Unavailable");
    else this.#respondWithText(500, "Internal Server Error");
  }

  /** What the access log wants to know. */
  logEntry(): AccessLogEntry {
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
    const producer = getCurrent();
    const waitingForRoom = new WaitQueue<void>();
    let gone = false;
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (given) => void (controller = given),
      pull: () => void waitingForRoom.resumeAll(undefined),
      cancel: () => {
        gone = true;
        producer.throw(new GreenletExit("The client has left"));
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }));
    this.#respond(new Response(stream, init), 0);
    try {
      for await (const chunk of chunksOf(body)) {
        if ((controller.desiredSize ?? 0) <= 0 && !gone) {
          await parkWait<void>((wait) => waitingForRoom.add(wait), undefined, ROOM);
        }
        controller.enqueue(chunk);
        this.#length! += chunk.length;
      }
      controller.close();
    } catch (error) {
      // The client sees a body that was cut off rather than one that looks complete.
      if (!gone) controller.error(error);
      throw error;
    }
  }
}
