// Random data for a page: open http://localhost:10000/ in a browser.
import {
  type Address,
  type HttpResult,
  HttpServer,
  main,
  sleep,
  upgradeWebSocket,
  type WebSocketConnection,
} from "../../mod.ts";

async function sendNumbers(socket: WebSocketConnection): Promise<void> {
  for (let x = 0;; x++) {
    await socket.send(JSON.stringify({ x, y: 1 + Math.floor(Math.random() * 5) }));
    await sleep(500);
  }
}

const page = `<!DOCTYPE html>
<html>
  <head>
    <title>Minimal websocket application</title>
    <script type="module">
      const status = (text) => document.querySelector("#conn_status").textContent = text;
      const socket = new WebSocket(location.href.replace("http", "ws"));
      socket.onopen = () => status("Connected");
      socket.onerror = () => status("Error");
      socket.onclose = () => status("Closed");
      socket.onmessage = ({ data }) => {
        const line = document.createElement("p");
        line.textContent = data;
        document.querySelector("#placeholder").append(line);
      };
    </script>
  </head>
  <body>
    <h1>WebSocket Example</h1>
    <div id="conn_status">Not Connected</div>
    <div id="placeholder" style="width: 600px; height: 300px"></div>
  </body>
</html>
`;

function application(request: Request): HttpResult {
  if (request.headers.has("upgrade")) return upgradeWebSocket(request, sendNumbers);
  return new Response(page, { headers: { "content-type": "text/html" } });
}

export default function websocketNumbers(address: Address = 10000): HttpServer {
  return new HttpServer(address, application);
}

if (import.meta.main) main(() => websocketNumbers().serveForever());
