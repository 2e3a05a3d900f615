// A worker that reports by callbacks, and an answer made of what it reports: at `/callbacks` as it is done without
// greenlets, at `/fetch` with a queue.
import {
  type Address,
  HttpError,
  type HttpResult,
  HttpServer,
  main,
  Queue,
  sleep,
  spawn,
  StopIteration,
} from "../../mod.ts";

class SomeAsyncWorker {
  #tellData: (chunk: string) => void = () => {};
  #tellFinish: () => void = () => {};

  constructor() {
    spawn(async () => {
      for (const chunk of ["one ", "two ", "three"]) {
        await sleep(100);
        this.#tellData(chunk);
      }
      this.#tellFinish();
    });
  }

  onData(callback: (chunk: string) => void): void {
    this.#tellData = callback;
  }

  onFinish(callback: () => void): void {
    this.#tellFinish = callback;
  }
}

function callbacks(): Response {
  const body = new ReadableStream<string>({
    start(controller) {
      const worker = new SomeAsyncWorker();
      worker.onData((chunk) => controller.enqueue(chunk));
      worker.onFinish(() => controller.close());
    },
  });
  return new Response(body.pipeThrough(new TextEncoderStream()));
}

function fetchIt(): HttpResult {
  const body = new Queue<string | typeof StopIteration>();
  const worker = new SomeAsyncWorker();
  worker.onData((chunk) => body.putNowait(chunk));
  worker.onFinish(() => body.putNowait(StopIteration));
  return body;
}

function application(request: Request): HttpResult {
  const { pathname } = new URL(request.url);
  if (pathname === "/callbacks") return callbacks();
  if (pathname === "/fetch") return fetchIt();
  throw new HttpError(404);
}

export default function queueAsBody(address: Address = 8080): HttpServer {
  return new HttpServer(address, application);
}

if (import.meta.main) main(() => queueAsBody().serveForever());
