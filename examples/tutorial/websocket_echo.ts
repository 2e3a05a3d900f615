// A WebSocket that answers: open http://localhost:8080/ in a browser.
import {
  type Address,
  HttpError,
  type HttpResult,
  HttpServer,
  main,
  upgradeWebSocket,
  type WebSocketConnection,
} from "../../mod.ts";

async function answer(socket: WebSocketConnection): Promise<void> {
  while (true) {
    const message = await socket.receive();
    if (message === null) break; // the client has left
    await socket.send(`Your message was: '${message}'`);
  }
}

const page = `<!DOCTYPE html>
<html>
  <head>
    <title>Echo</title>
    <script type="module">
      const socket = new WebSocket(new URL("/websocket", location.href.replace("http", "ws")));
      socket.onopen = () => socket.send("Hello, world");
      socket.onmessage = ({ data }) => alert(data);
    </script>
  </head>
</html>
`;

function application(request: Request): HttpResult {
  const { pathname } = new URL(request.url);
  if (pathname === "/") return new Response(page, { headers: { "content-type": "text/html" } });
  if (pathname !== "/websocket") throw new HttpError(404);
  if (!request.headers.has("upgrade")) throw new HttpError(400, "Expected WebSocket request.");
  return upgradeWebSocket(request, answer);
}

export default function websocketEcho(address: Address = 8080): HttpServer {
  return new HttpServer(address, application);
}

if (import.meta.main) main(() => websocketEcho().serveForever());
