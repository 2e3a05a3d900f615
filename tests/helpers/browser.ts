/**
 * A real browser for tests of pages.
 *
 * @module
 */

import { type Browser, chromium } from "playwright-core";

/** Without these, Chromium asks hosts of its vendor for things, or needs more than a container gives it. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where Chromium is; `undefined` when there is none. */
export function findChromium(): string | undefined {
  const folders = ["/usr/bin", ...(Deno.env.get("PATH") ?? "").split(":")];
  const paths = folders.flatMap((folder) =>
    ["chromium", "chromium-browser", "google-chrome"].map((name) => `${folder}/${name}`)
  );
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Starts Chromium with a new profile. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("There is no Chromium");
  return await chromium.launch({ executablePath, args: FLAGS });
}
