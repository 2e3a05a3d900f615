/** Hello World on Hono and `Deno.serve`, with everything patched. */

import "../../../monkey/auto.ts";
import "./hono_native_http.ts";
