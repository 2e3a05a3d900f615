import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LinkedList } from "../../core/linked_list.ts";

Deno.test("LinkedList gives its values in order when some are removed from any place", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 30 }), fc.boolean(), (kept, backwards) => {
      const list = new LinkedList<number>();
      const nodes = kept.map((_, i) => list.add(i));
      const removed = nodes.filter((_, i) => !kept[i]);
      for (const node of backwards ? removed.reverse() : removed) list.remove(node);
      const left = [...kept.keys()].filter((i) => kept[i]);
      assertEquals([[...list], list.size], [left, left.length]);
      list.add(-1);
      assertEquals([...list].at(-1), -1);
    }),
    { numRuns: 100 },
  );
});

Deno.test("LinkedList.remove() does nothing when the value has been removed or is in another list", () => {
  const [list, other] = [new LinkedList<string>(), new LinkedList<string>()];
  const node = list.add("a");
  list.add("b");
  other.remove(node);
  list.remove(node);
  list.remove(node);
  assertEquals([[...list], list.size, other.size], [["b"], 1, 0]);
});

Deno.test("LinkedList can be changed while it is gone over", () => {
  const list = new LinkedList<number>();
  const nodes = [1, 2, 3].map((n) => list.add(n));
  const seen: number[] = [];
  for (const n of list) {
    seen.push(n);
    list.remove(nodes[n - 1]!);
    list.add(n + 10);
  }
  assertEquals([seen, [...list]], [[1, 2, 3], [11, 12, 13]]);
});
