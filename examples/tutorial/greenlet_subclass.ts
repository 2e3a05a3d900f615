// A class of greenlets, with fields of their own.
import { Greenlet, main, sleep } from "../../mod.ts";

class MyGreenlet extends Greenlet<void> {
  readonly message: string;
  readonly ms: number;

  constructor(message: string, ms: number) {
    super();
    this.message = message;
    this.ms = ms;
  }

  override async run(): Promise<void> {
    console.log(this.message);
    await sleep(this.ms);
  }
}

export default async function greenletSubclass(): Promise<void> {
  const g = new MyGreenlet("Hi there!", 3000);
  g.start();
  await g.join();
}

if (import.meta.main) main(greenletSubclass);
