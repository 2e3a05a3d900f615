/**
 * Unix sockets for tests.
 *
 * @module
 */

/** Runs a function with a folder that is removed afterwards. */
export async function withFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Leaves a socket file behind, as a process does that is killed. */
export async function leaveStaleSocket(path: string): Promise<void> {
  const listen = `Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} }); Deno.exit()`;
  await new Deno.Command(Deno.execPath(), { args: ["eval", listen] }).output();
  if (!await exists(path)) throw new Error("The process has cleaned up");
}

/** Whether there is anything at a path. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
