/**
 * The examples as programs of their own.
 *
 * @module
 */

const EXAMPLES = new URL("../../examples/", import.meta.url);

/** An example that runs. */
export interface Example extends AsyncDisposable {
  /** Waits until it has printed what matches, and returns the match; fails when it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends it a signal, Ctrl-C by default. */
  kill(signal?: Deno.Signal): void;
  /** Waits for its end; `code` is its exit code, `stdout` and `stderr` are what it printed. */
  end(): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** Starts an example with arguments. */
export function startExample(file: string, ...args: string[]): Example {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-config", "--no-lock", "--no-check"],
      new URL(file, EXAMPLES).href,
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let stdout = "";
  let isOver = false;
  let more = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      stdout += text;
      more.resolve();
      more = Promise.withResolvers();
    }
    isOver = true;
    more.resolve();
  })();
  const stderr = new Response(process.stderr).text();
  const ended = (async () => {
    const { code } = await process.status;
    await reading;
    return { code, stdout, stderr: await stderr };
  })();
  return {
    async printed(pattern) {
      for (;;) {
        const match = pattern.exec(stdout);
        if (match !== null) return match;
        if (isOver) throw new Error(`${file} has ended: ${Deno.inspect(await ended)}`);
        await more.promise;
      }
    },
    kill: (signal = "SIGINT") => process.kill(signal),
    end: () => ended,
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await ended;
    },
  };
}

/** Runs an example to its end. */
export async function runExample(
  file: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using example = startExample(file, ...args);
  return await example.end();
}
