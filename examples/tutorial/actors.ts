// Two actors that send each other messages until they are stopped: Ctrl-C.
import { Actor, joinAll, main, sleep } from "../../mod.ts";

export default async function actors(): Promise<void> {
  class Pinger extends Actor<string> {
    override async receive(message: string): Promise<void> {
      console.log(message);
      await pong.send("ping");
      await sleep(0);
    }
  }

  class Ponger extends Actor<string> {
    override async receive(message: string): Promise<void> {
      console.log(message);
      await ping.send("pong");
      await sleep(0);
    }
  }

  await using ping = new Pinger();
  await using pong = new Ponger();
  ping.start();
  pong.start();

  await ping.send("start");
  await joinAll([ping, pong]);
}

if (import.meta.main) main(actors);
