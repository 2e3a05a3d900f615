import { assertEquals, assertThrows } from "@std/assert";
import { parseWrk } from "./wrk.ts";

const OUTPUT = `Running 2s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   339.23us  182.60us   1.32s    91.64%
    Req/Sec   190.10k     9.06k  200.01k    66.67%
  Latency Distribution
     50%  301.00us
     75%  349.00us
     90%  472.00us
     99%    1.14ms
  397210 requests in 2.10s, 55.30MB read
Requests/sec: 189140.63
Transfer/sec:     26.33MB
`;

Deno.test("parseWrk() reads rate and latencies, in all units", () => {
  assertEquals(parseWrk(OUTPUT), {
    answers: 397210,
    rate: 189140.63,
    p50: 0.301,
    p99: 1.14,
    max: 1320,
    evenness: NaN,
  });
});

Deno.test("parseWrk() does not take errors for answers", () => {
  assertThrows(() => parseWrk(`${OUTPUT}  Non-2xx or 3xx responses: 12\n`), Error, "12");
  const errors = "  Socket errors: connect 0, read 5, write 0, timeout 0\n";
  assertThrows(() => parseWrk(OUTPUT + errors), Error, "read 5");
});
