// Downloads pages side by side, three at a time, none for longer than five seconds:
// `deno run --allow-net examples/concurrent_download.ts https://example.com https://deno.com`; gevent's
// concurrent_download.py.
import { GreenletExit, main, Pool, Timeout, until, withTimeout } from "../mod.ts";

async function download(url: string): Promise<void> {
  console.log(`Starting ${url}`);
  try {
    const size = await withTimeout(5000, async () => {
      const request = new AbortController(); // ends the request itself when this greenlet is killed or out of time
      const abandon = () => request.abort();
      const response = await until(fetch(url, { signal: request.signal }), { abandon });
      return (await until(response.bytes(), { abandon })).length;
    });
    console.log(`${url}: ${size} bytes`);
  } catch (error) {
    if (error instanceof GreenletExit) throw error;
    console.log(`${url}: ${error instanceof Timeout ? "too slow" : (error as Error).message}`);
  }
}

main(async () => {
  if (Deno.args.length === 0) {
    console.error("Usage: concurrent_download.ts URL...");
    Deno.exit(2);
  }
  await new Pool(3).map(download, Deno.args);
});
