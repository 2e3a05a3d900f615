// Resolves many names, twenty at a time, none for longer than two seconds:
// `deno run --allow-net examples/dns_mass_resolve.ts 9.9.9.9 deno.com example.com`; gevent's dns_mass_resolve.py.
import { GreenletExit, main, Pool, Resolver, Timeout } from "../mod.ts";

main(async () => {
  const [nameServer, ...names] = Deno.args;
  if (nameServer === undefined || names.length === 0) {
    console.error("Usage: dns_mass_resolve.ts NAMESERVER NAME...");
    Deno.exit(2);
  }
  const resolver = new Resolver({ nameServer });
  let found = 0;
  const resolve = async (name: string): Promise<void> => {
    try {
      const addresses = await resolver.resolve(name, "A", { timeout: 2000 });
      console.log(`${name}: ${addresses.join(", ")}`);
      found++;
    } catch (error) {
      if (error instanceof GreenletExit) throw error;
      console.log(`${name}: ${error instanceof Timeout ? "too slow" : (error as Error).message}`);
    }
  };
  await new Pool(20).map(resolve, names);
  console.log(`Found ${found} of ${names.length}`);
});
