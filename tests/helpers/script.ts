/**
 * Programs in processes of their own, for what cannot be tried out inside a test.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url).href;

/** A program that was started. */
export interface Script extends AsyncDisposable {
  /** Waits until it has printed a line, and returns what came up to there. */
  line(text: string): Promise<string>;
  /** Sends it a signal. */
  kill(signal: Deno.Signal): void;
  /** Waits for its end. */
  end(): Promise<ScriptResult>;
}

/** What came of a program. */
export interface ScriptResult {
  /** Its exit code. */
  readonly code: number;
  /** The signal that ended it, if one did. */
  readonly signal: Deno.Signal | null;
  /** What it wrote to stdout. */
  readonly stdout: string;
  /** What it wrote to stderr. */
  readonly stderr: string;
}

/** Starts a program; its imports may begin with `@/` for the root of the repository. */
export function startScript(source: string, ...flags: string[]): Script {
  const code = source.replaceAll('"@/', `"${ROOT}`);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--quiet", ...flags, "--ext=ts", toDataUrl(code)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let printed = "";
  const lineListeners = new Set<() => void>();
  const stdout = (async () => {
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      for (const listener of lineListeners) listener();
    }
    for (const listener of lineListeners) listener();
    return printed;
  })();
  const stderr = new Response(process.stderr).text();
  const result = (async () => {
    const { code, signal } = await process.status;
    return { code, signal, stdout: await stdout, stderr: await stderr };
  })();
  return {
    async line(text) {
      let over = false;
      void result.then(() => over = true);
      while (!printed.includes(`${text}\n`)) {
        const more = Promise.withResolvers<void>();
        lineListeners.add(more.resolve);
        await more.promise;
        lineListeners.delete(more.resolve);
        if (over) break;
      }
      return printed;
    },
    kill: (signal) => process.kill(signal),
    end: () => result,
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await result;
    },
  };
}

/** Runs a program to its end; see {@link startScript}. */
export async function runScript(source: string, ...flags: string[]): Promise<ScriptResult> {
  await using script = startScript(source, ...flags);
  return await script.end();
}

function toDataUrl(code: string): string {
  return `data:application/typescript,${encodeURIComponent(code)}`;
}
