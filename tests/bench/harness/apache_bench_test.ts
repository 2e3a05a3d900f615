import { assertEquals, assertThrows } from "@std/assert";
import { parseApacheBench } from "./apache_bench.ts";

const OUTPUT = `Concurrency Level:      100
Time taken for tests:   1.234 seconds
Complete requests:      10000
Failed requests:        0
Requests per second:    8103.73 [#/sec] (mean)

Percentage of the requests served within a certain time (ms)
  50%     12
  99%     15
 100%     31 (longest request)
`;

Deno.test("parseApacheBench() reads rate and latencies", () => {
  assertEquals(parseApacheBench(OUTPUT), {
    answers: 10000,
    rate: 8103.73,
    p50: 12,
    p99: 15,
    max: 31,
    evenness: NaN,
  });
});

Deno.test("parseApacheBench() throws when requests failed", () => {
  const failed = OUTPUT.replace("Failed requests:        0", "Failed requests:        3");
  assertThrows(() => parseApacheBench(failed), Error, "3 requests failed");
  const others = OUTPUT.replace("Requests per", "Non-2xx responses:      7\nRequests per");
  assertThrows(() => parseApacheBench(others), Error, "7 requests failed");
});
