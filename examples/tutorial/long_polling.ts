// An answer without an end: whoever asks gets what comes, as soon as it comes.
import {
  type Address,
  Empty,
  type HttpResult,
  HttpServer,
  main,
  Queue,
  sleep,
  spawn,
  streamed,
} from "../../mod.ts";

const dataSource = new Queue<string>();

export async function producer(): Promise<void> {
  while (true) {
    dataSource.putNowait("Hello World");
    await sleep(1000);
  }
}

async function* data(): AsyncGenerator<string> {
  while (true) {
    try {
      yield JSON.stringify(await dataSource.get({ timeout: 5000 })) + "\n";
    } catch (error) {
      if (!(error instanceof Empty)) throw error;
    }
  }
}

function ajaxEndpoint(): HttpResult {
  return streamed(data(), { headers: { "content-type": "application/json" } });
}

export default function longPolling(address: Address = 8000): HttpServer {
  return new HttpServer(address, ajaxEndpoint);
}

if (import.meta.main) {
  main(async () => {
    spawn(producer);
    await longPolling().serveForever();
  });
}
