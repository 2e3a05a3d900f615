import { assertEquals } from "@std/assert";
import { isIP } from "node:net";
import { canonicalIpv6, familyOf } from "../../net/_ip.ts";

Deno.test("familyOf() agrees with node:net", () => {
  const texts = [
    ...["127.0.0.1", "0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4"],
    ...[
      "1.2.3.4 ",
      "",
      "localhost",
      "1",
      "0x7f.0.0.1",
      "127.1",
      "::",
      "::1",
      "1::",
      "fe80::1%eth0",
    ],
    ...["fe80::1%1", "fe80::1%", "%eth0", "::ffff:1.2.3.4", "::1.2.3", "1:2:3:4:5:6:7:8"],
    ...["1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "[::1]", "::g", "12345::", ":1", "a.b"],
    ...["2001:DB8::1", "::1/64", "::1]", "1.2.3.4%eth0", "fe80::1%eth0.1", "fe80::1%a b"],
  ];
  for (const text of texts) assertEquals(familyOf(text), isIP(text), Deno.inspect(text));
});

Deno.test("canonicalIpv6() writes an address in its shortest form, without the scope", () => {
  assertEquals(canonicalIpv6("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
  assertEquals(canonicalIpv6("fe80::1%eth0"), "fe80::1");
});
