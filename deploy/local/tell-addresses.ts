import { styleText } from "node:util";
import type { Instance } from "./instance-lock.ts";
import type { Mesh } from "./mesh.ts";

/** A line of the table of addresses. */
export interface Address {
  readonly name: string;
  readonly address: string;
  readonly about: string;
  readonly serves: boolean;
}

const CLI_DEFAULT = "127.0.0.1:50051";

/** The table of addresses, and one next thing to try. */
export function tellAddresses({ say, paths }: Pick<Mesh, "say" | "paths">, addresses: readonly Address[]): void {
  const nameWidth = Math.max(...addresses.map(({ name }) => name.length));
  const addressWidth = Math.max(...addresses.map(({ address }) => address.length));
  say("");
  for (const { name, address, about } of addresses) {
    say(`  ${styleText("bold", name.padEnd(nameWidth))}  ${address.padEnd(addressWidth)}  ${styleText("dim", about)}`);
  }
  say(`  ${"logs".padEnd(nameWidth)}  ${paths.logs}`);
  say("");
  if (addresses.every(({ serves }) => serves)) say(`COS is up. Try:  ${styleText("cyan", nextThing(addresses))}`);
  else say("COS is not all up yet; it goes on trying.");
  say("Ctrl-C stops everything.");
}

/** One command; it finds the conductor by itself where the conductor usually is. */
function nextThing(addresses: readonly Address[]): string {
  const command = 'npx cos record "Up betimes and to my office" --module cc --tag diary';
  const conductor = addresses.find(({ name }) => name === "conductor")?.address ?? CLI_DEFAULT;
  return conductor === CLI_DEFAULT ? command : `COS_CONDUCTOR_ADDRESS=${conductor} ${command}`;
}

/** Says that another launcher runs, and where what it started is. */
export function tellRunning({ pid, addresses }: Instance, say: (line: string) => void): void {
  say(`COS runs already (process ${pid})${addresses.length === 0 ? "; it is just starting or stopping." : ":"}`);
  for (const [name, address] of addresses) say(`  ${name}  ${address}`);
}
