// A check and an act with a wait between them: `deno run -A examples/races/check_then_act.ts`.
//
// Two greenlets withdraw from an account. Each looks first whether there is enough, and asks the bank before it takes
// the money: when both have looked before one has taken, both take. With the plain order of greenlets this never shows,
// as the second one starts late enough.
import { joinAll, sleep, spawn } from "../../mod.ts";
import { exploreSchedules } from "../../testing/mod.ts";

/** An account that must not be overdrawn, but can be. */
class Account {
  balance = 100;

  async withdraw(amount: number): Promise<boolean> {
    if (this.balance < amount) return false;
    await askTheBank(); // somebody else may withdraw meanwhile
    this.balance -= amount;
    return true;
  }
}

async function askTheBank(): Promise<void> {
  await sleep();
}

/** Fails in some orders. */
export async function program(): Promise<void> {
  const account = new Account();
  const first = spawn(() => account.withdraw(80));
  const second = spawn(async () => {
    for (let i = 0; i < 3; i++) await sleep(); // has other things to do first
    return await account.withdraw(80);
  });
  await joinAll([first, second]);
  if (account.balance < 0) throw new Error(`The balance is ${account.balance}`);
}

if (import.meta.main) {
  const { explored, failure } = await exploreSchedules(program);
  console.log(
    failure === undefined
      ? `No failure in ${explored} orders`
      : `Order ${failure.seed} fails: ${(failure.error as Error).message}`,
  );
}
