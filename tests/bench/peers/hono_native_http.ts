/** Hello World on Hono and `Deno.serve`. */

import { Hono } from "hono";

const app = new Hono();
app.get("/", async (context) => context.text(await Promise.resolve("Hello World!")));

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, app.fetch);
