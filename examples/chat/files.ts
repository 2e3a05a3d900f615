/**
 * The page and what belongs to it.
 *
 * @module
 */

import { until } from "../../mod.ts";

const FILES: Record<string, { file: string; type: string }> = {
  "/": { file: "index.html", type: "text/html" },
  "/chat.css": { file: "chat.css", type: "text/css" },
  "/chat.js": { file: "chat.js", type: "text/javascript" },
  "/connection.js": { file: "connection.js", type: "text/javascript" },
  "/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
};

const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Reads the files from wherever this program is, be it a disk or a web server; gives path → what answers it. */
export async function readFiles(): Promise<Map<string, () => Response>> {
  const answers = new Map<string, () => Response>();
  for (const [path, { file, type }] of Object.entries(FILES)) {
    const response = await until(fetch(new URL(file, import.meta.url)));
    if (!response.ok) throw new Error(`Cannot read ${response.url}: status ${response.status}`);
    const text = await until(response.text());
    const headers = { ...HEADERS, "content-type": `${type}; charset=utf-8` };
    answers.set(path, () => new Response(text, { headers }));
  }
  return answers;
}
