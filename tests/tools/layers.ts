/**
 * The library folders and what each may import, besides itself and `node:` modules. Imports only go
 * down: a folder can be read, tested and loaded from a URL without anything that is above it.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  sync: ["core"],
  net: ["core", "sync"],
  http: ["core", "sync", "net"],
  monkey: ["core", "sync", "net", "http"],
  testing: ["core"],
};

/** The folder of the library a path relative to the repository is in, `""` for `mod.ts` itself. */
export function libraryFolder(path: string): string | undefined {
  if (path === "mod.ts") return "";
  const [folder = "", ...rest] = path.split("/");
  return rest.length > 0 && Object.hasOwn(LAYERS, folder) ? folder : undefined;
}
