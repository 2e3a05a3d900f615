/**
 * One request and its answer, as they happen inside the greenlet of the request.
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import { Greenlet } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import { checkpoint, parkWait } from "../core/suspend.ts";
import { Timeout } from "../core/timeout.ts";
import type { Timer, TimerTarget } from "../core/timer_heap.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import type { OpenWebSockets } from "./_open_websockets.ts";
import type { RequestPolicy } from "./_request_policy.ts";
import { STATUS_TEXT } from "./_status.ts";
import type { AccessLogEntry } from "./access_log.ts";
import type { HttpApp, HttpErrorHandler, HttpInfo } from "./app.ts";
import { answerFor, chunksOf, type Heartbeat, lengthOf, type StreamedResponse } from "./body.ts";
import { HttpError } from "./errors.ts";
import { isUpgraded, type Upgrade, upgradeOf } from "./upgrade_websocket.ts";

const ROOM: WaitKind<void> = { name: "the client to take more of the body" };

/** What the runtime is told when a body ends early; the reason itself is reported by the greenlet of the request. */
export const CUT_OFF: Error = new Error("The body was cut off");

/** How many bytes of a streamed body may wait for the client before its producer has to. */
const HIGH_WATER_MARK = 65536;

/** How long, in ms, a request that has used up its time may go on before it is answered without it. */
const LAST_CHANCE = 1000;

/** What holds for all requests of a server. */
export interface ExchangeSettings {
  /** Which requests get to the app. */
  readonly policy: RequestPolicy;
  /** How long the app may take to begin its answer, in ms; `Infinity` for as long as it likes. */
  readonly handlerTimeout: number;
  /** Is told of each answer once all has been sent, as far as we know. */
  readonly log: ((entry: AccessLogEntry) => void) | null;
  /** Makes answers of errors. */
  readonly onError: HttpErrorHandler | undefined;
  /** Where WebSockets are listed while they are open. */
  readonly webSockets: OpenWebSockets;
}

/** The greenlet of one request: runs the app and sees to it that there is exactly one answer. */
export class Exchange extends Greenlet<void> {
  readonly #settings: ExchangeSettings;
  readonly #app: HttpApp;
  readonly #request: Request;
  readonly #info: HttpInfo;
  readonly #resolve: (response: Response) => void;
  /** Read at the beginning: the runtime forgets about a request that has been answered. */
  readonly #origin: { address: string; requestLine: string; begun: number } | undefined;
  #timeLimit: TimeLimit | undefined;
  #status = 0;
  #length: number | undefined;

  /** `resolve` takes the response to the runtime. */
  constructor(
    settings: ExchangeSettings,
    app: HttpApp,
    request: Request,
    info: HttpInfo,
    resolve: (response: Response) => void,
  ) {
    super();
    this.#settings = settings;
    this.#app = app;
    this.#request = request;
    this.#info = info;
    this.#resolve = resolve;
    if (settings.log === null) return;
    const { remoteAddr } = info;
    this.#origin = {
      address: "hostname" in remoteAddr ? remoteAddr.hostname : "-",
      requestLine: `${request.method} ${targetOf(request.url)} HTTP/1.1`,
      begun: performance.now(),
    };
  }

  /** Ends when the whole body has been handed on. */
  override async run(): Promise<void> {
    const { policy, handlerTimeout } = this.#settings;
    if (handlerTimeout < Infinity) this.#timeLimit = new TimeLimit(this, handlerTimeout);
    try {
      const result = await this.#app(policy.applyTo(this.#request), this.#info);
      const answer = answerFor(result);
      if (!(answer instanceof Response)) return await this.#stream(answer);
      const upgrade = upgradeOf(answer);
      if (upgrade !== undefined) return await this.#upgrade(upgrade, answer);
      const length = this.#origin === undefined ? undefined : lengthOf(result, answer);
      this.#respond(answer, length);
    } catch (error) {
      if (this.#status !== 0 || error instanceof GreenletExit) throw error;
      await this.#respondToError(error);
    }
  }

  /** Answers the request without ever running it: the server has no room for it, or does not accept it. */
  refuse(status = 503): void {
    this.#respondWithText(status, STATUS_TEXT[status]!);
    this.throw();
  }

  /** The client has left, or got all of the answer: the runtime may not tell which. */
  abandon(): void {
    if (this.#status === 0 && !isUpgraded(this.#request)) this.throw();
  }

  /** Answers in place of an app that takes too long, whether that ever ends or not. */
  giveUp(): void {
    this.#respondWithText(503, STATUS_TEXT[503]!);
  }

  /** If there was no answer, there is one now; the client learns that it is not its fault, and nothing more. */
  protected override ended(): void {
    if (this.#status === 0) {
      const status = this.successful || this.#timeLimit?.expired ? 503 : 500;
      this.#respondWithText(status, STATUS_TEXT[status]!);
    }
    this.#settings.log?.(this.#logEntry());
  }

  #logEntry(): AccessLogEntry {
    const { address, requestLine, begun } = this.#origin!;
    return {
      address,
      time: new Date(),
      requestLine,
      status: this.#status,
      length: requestLine.startsWith("HEAD ") ? 0 : this.#length,
      ms: performance.now() - begun,
    };
  }

  /** Answers the request, unless it has been answered already. */
  #respond(response: Response, length: number | undefined): void {
    this.#timeLimit?.cancel();
    if (this.#status !== 0) {
      response.body?.cancel().catch(() => {}); // whatever it says, nobody is there to take it
      return;
    }
    this.#status = response.status;
    this.#length = length;
    this.#resolve(response);
  }

  #respondWithText(status: number, text: string): void {
    const headers = { "content-type": "text/plain; charset=utf-8" };
    this.#respond(new Response(text, { status, headers }), new TextEncoder().encode(text).length);
  }

  async #upgrade(upgrade: Upgrade, answer: Response): Promise<void> {
    if (!await upgrade.clientIsThere()) return this.#respondWithText(499, "The client has left");
    if (this.#status !== 0) return; // once begun it has to be answered with
    this.#respond(upgrade.begin(answer), undefined);
    await upgrade.run(this.#settings.webSockets);
  }

  async #respondToError(error: unknown): Promise<void> {
    const response = await this.#responseOfHandler(error);
    if (response !== undefined) {
      const length = this.#origin === undefined ? undefined : lengthOf(response, response);
      this.#respond(response, length);
    } else if (error instanceof HttpError) {
      this.#respondWithText(error.status, error.message);
    } else throw error;
  }

  async #responseOfHandler(error: unknown): Promise<Response | undefined> {
    try {
      const response = await this.#settings.onError?.(error, this.#request);
      if (response === undefined || response instanceof Response) return response;
      throw new TypeError(
        `Cannot answer with what 'onError' returned: received ${Deno.inspect(response)}`,
      );
    } catch (failure) {
      hub.handleError(this, error); // or nobody would ever hear of it
      throw failure;
    }
  }

  /**
   * Produces the body here, in the greenlet of the request, at the pace at which the client takes it. The head leaves with
   * the first piece, so that a body that fails before is answered with an error.
   */
  async #stream({ body, init, heartbeat }: StreamedResponse): Promise<void> {
    const waitingForRoom = new WaitQueue<void>();
    let gone = false;
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (given) => void (controller = given),
      pull: () => void waitingForRoom.resumeAll(undefined),
      cancel: () => {
        gone = true;
        pulse?.stop();
        this.throw(new GreenletExit("The client has left"));
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }));
    const response = new Response(stream, init); // a head that makes no sense is found before the body is begun
    const pulse = heartbeat === undefined
      ? undefined
      : new Pulse(heartbeat, (chunk) => this.#fill(controller, chunk));
    let begun = false;
    try {
      for await (const chunk of chunksOf(body)) {
        if (!begun) {
          if (this.#status !== 0) return; // the time limit was quicker
          this.#respond(response, 0);
          begun = true;
        }
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
        pulse?.restart();
      }
      if (!begun && this.#status === 0) this.#respond(response, 0);
      if (!gone) controller.close(); // the last piece may have had to wait for something while the client left
    } catch (error) {
      // The client sees a body that was cut off rather than one that looks complete.
      if (!gone) controller.error(CUT_OFF);
      throw error;
    } finally {
      pulse?.stop();
    }
  }

  /** Sends something between two pieces of a body, if the client takes anything at all. */
  #fill(controller: ReadableStreamDefaultController<Uint8Array>, chunk: Uint8Array): void {
    if ((controller.desiredSize ?? 0) <= 0) return;
    controller.enqueue(chunk);
    this.#length! += chunk.length;
  }
}

/** Sends a heartbeat whenever nothing else has been sent for a while. */
class Pulse implements TimerTarget {
  readonly #ms: number;
  readonly #chunk: Uint8Array;
  readonly #send: (chunk: Uint8Array) => void;
  #timer: Timer | undefined;

  constructor({ ms, chunk }: Heartbeat, send: (chunk: Uint8Array) => void) {
    this.#ms = ms;
    this.#chunk = new TextEncoder().encode(chunk);
    this.#send = send;
  }

  restart(): void {
    this.stop();
    this.#timer = hub.addTimer(this.#ms, this);
  }

  stop(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }

  fire(): void {
    this.#send(this.#chunk);
    this.restart();
  }
}

/** Ends a request whose app takes too long: first the greenlet is told, then the client. */
class TimeLimit implements TimerTarget {
  readonly #exchange: Exchange;
  readonly #ms: number;
  #timer: Timer | undefined;
  #expired = false;

  constructor(exchange: Exchange, ms: number) {
    this.#exchange = exchange;
    this.#ms = ms;
    this.#timer = hub.addTimer(ms, this);
  }

  get expired(): boolean {
    return this.#expired;
  }

  fire(): void {
    this.#timer = undefined;
    if (this.#expired) return this.#exchange.giveUp();
    this.#expired = true;
    this.#timer = hub.addTimer(LAST_CHANCE, this);
    this.#exchange.throw(new Timeout(this.#ms, "the server's handlerTimeout"));
  }

  cancel(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
  }
}

/** What follows the host; taken literally, as a client can send a host with which this is no URL. */
function targetOf(url: string): string {
  const slash = url.indexOf("/", url.indexOf("//") + 2);
  return slash === -1 ? "/" : url.slice(slash);
}
