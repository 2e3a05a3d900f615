/** Hello World with nothing but `Deno.serve`. */

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, async () => new Response(await Promise.resolve("Hello World!"))); // asynchronous, as applications are
