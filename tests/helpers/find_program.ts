/**
 * Programs that may be installed or not.
 *
 * @module
 */

/** Where a program is, looked for beside PATH as well; `undefined` when it is not installed. */
export function findProgram(name: string, ...folders: string[]): string | undefined {
  const places = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", ...folders];
  return places.map((place) => `${place}/${name}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
