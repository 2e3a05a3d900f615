// A program that can be looked into while it runs: `deno run --allow-net examples/backdoor.ts [port]`, then
// `nc 127.0.0.1 5001`, and type the token, then `worker`, `printRunInfo()`, `kill(worker)`, `settings.pace = 100`.
import { BackdoorServer, main, sleep, spawn } from "../mod.ts";

/** What can be changed from outside. */
const settings = { pace: 1000 };

async function work(): Promise<void> {
  for (let round = 1;; round++) {
    console.log(`Round ${round}`);
    await sleep(settings.pace);
  }
}

main(async () => {
  await using worker = spawn(work);
  worker.name = "worker";
  const port = Number(Deno.args[0] ?? 5001);
  await using backdoor = new BackdoorServer(port, {
    locals: { settings, worker },
    banner: "You are in the backdoor example. help() tells what there is.",
  });
  await backdoor.start();
  console.log(
    `The backdoor is at port ${backdoor.port}, its token is ${backdoor.token} (Ctrl-C to stop)`,
  );
  await backdoor.serveForever();
});
