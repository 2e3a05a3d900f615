/**
 * The file server of Deno's standard library.
 *
 * Its npm build, the only one that tests can rely on, has been published without some of the small modules that it
 * imports. They are made up here: for one file, the rest is the library's own.
 *
 * @module
 */

import { registerHooks } from "node:module";

/** What `serveDir` takes, as far as it is used here. */
export interface ServeDirOptions {
  fsRoot?: string;
  urlRoot?: string;
  showDirListing?: boolean;
  showIndex?: boolean;
  headers?: string[];
  quiet?: boolean;
}

type ServeDir = (request: Request, options?: ServeDirOptions) => Promise<Response>;
type ServeFile = (
  request: Request,
  path: string,
  options?: { etagAlgorithm?: string; fileInfo?: Deno.FileInfo },
) => Promise<Response>;

/** The modules that are missing, as far as a server of files needs them. */
const MADE_UP: Readonly<Record<string, string>> = {
  "../fs/exists.js": javascript(`
    export async function exists(path, { isFile = false } = {}) {
      try {
        return !isFile || (await Deno.stat(path)).isFile;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    }`),
  "./deno.json": `data:application/json,{"version":"0"}`,
  "../net/unstable_get_network_address.js": javascript(
    "export const getNetworkAddress = () => undefined;",
  ),
  "./unstable_header.js": javascript(
    // Header.IfNoneMatch is "if-none-match", and so on.
    `export const HEADER = new Proxy({}, {
      get: (_, name) => name.replace("ETag", "Etag").replace(/(?<=.)[A-Z]/g, "-$&").toLowerCase(),
    });`,
  ),
  "./unstable_method.js": javascript(
    "export const METHOD = new Proxy({}, { get: (_, name) => name.toUpperCase() });",
  ),
  "../html/unstable_html.js": javascript("export const html = String.raw;"),
};

const MOVED: Readonly<Record<string, string>> = {
  "../media-types/content_type.js": "../media_types/content_type.js",
};

const FILE_SERVER = "/deno-std/1.4.0/http/file_server.js";

const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (!context.parentURL?.endsWith(FILE_SERVER)) return next(specifier, context);
    const url = MADE_UP[specifier];
    if (url !== undefined) return { url, shortCircuit: true };
    return next(MOVED[specifier] ?? specifier, context);
  },
});
const fileServer = await import("deno-std/http/file_server.js");
hooks.deregister();

export const serveDir: ServeDir = fileServer.serveDir;
export const serveFile: ServeFile = fileServer.serveFile;

function javascript(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
