import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderBarChart } from "./bar_chart.ts";

function widths(svg: string): number[] {
  return [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
}

Deno.test("renderBarChart() draws bars in proportion, each panel on a scale of its own", () => {
  const svg = renderBarChart("Echo", [
    { title: "msg/s", bars: [{ label: "a", value: 100 }, { label: "b", value: 50 }] },
    { title: "ms", bars: [{ label: "a", value: 1 }, { label: "b", value: 4 }] },
  ]);
  const [a, b, c, d] = widths(svg);
  assert(a! > 0);
  assertEquals([b! / a!, d! / a!, c! / d!], [0.5, 1, 0.25]);
});

Deno.test("renderBarChart() keeps everything inside the picture", () => {
  const bars = Array.from({ length: 9 }, (_, i) => ({ label: `${i}`, value: i }));
  const svg = renderBarChart("Echo", [{ title: "a", bars }, { title: "b", bars }]);
  const [, , , width, height] = svg.match(/viewBox="(\d+) (\d+) (\d+) (\d+)"/)!.map(Number);
  for (const [, y] of svg.matchAll(/ y2?="([\d.]+)"/g)) assert(Number(y) < height!);
  for (const [, x] of svg.matchAll(/ x="([\d.]+)"/g)) assert(Number(x) < width!);
});

Deno.test("renderBarChart() makes one bar stand out, and escapes names", () => {
  const bars = [{ label: "<us> & co", value: 1, highlight: true }, { label: "they", value: 2 }];
  const svg = renderBarChart("A < B", [{ title: "x > y", bars }]);
  assertEquals(svg.match(/class="highlight"/g)?.length, 1);
  assertStringIncludes(svg, "&lt;us&gt; &amp; co");
  assertStringIncludes(svg, "<title>A &lt; B</title>");
});

Deno.test("renderBarChart() draws zeros and no bars at all", () => {
  assertEquals(widths(renderBarChart("x", [{ title: "t", bars: [{ label: "a", value: 0 }] }])), [
    0,
  ]);
  assertEquals(widths(renderBarChart("x", [{ title: "t", bars: [] }])), []);
});
