import { styleText } from "node:util";
import type { AuthMode } from "#shared/identity/auth-mode.ts";
import type { Instance } from "./instance-lock.ts";
import type { Mesh } from "./mesh.ts";
import { nextThing } from "./next-thing.ts";

/** A line of the table of addresses. */
export interface Address {
  readonly name: string;
  readonly address: string;
  readonly about: string;
  readonly serves: boolean;
  /** Where a browser finds it: `http://127.0.0.1:50051`. */
  readonly origin?: string;
  /** The file of its listener's certificate; undefined: it speaks no TLS. */
  readonly certificate?: string | undefined;
}

/** What the owner needs to come in. */
export interface OwnersWay {
  readonly token: string;
  /** Where the token is kept. */
  readonly file: string;
  /** The service whose start page takes it. */
  readonly service: string;
  readonly auth: AuthMode;
}

const WHO_IS_LET_IN: Readonly<Record<AuthMode, string>> = {
  local: "Whoever calls from this machine may read and record; pages, and everything else, need a token.",
  required: "Nobody is let in without a token or a certificate.",
  insecure: "Whoever reaches these addresses may read and record: COS_AUTH=insecure.",
};

/**
 * The table of addresses, who is let in, and one next thing to try. The link carries the owner's token, so what is said here is
 * for the terminal alone.
 */
export function tellAddresses(
  { say, paths, settings }: Pick<Mesh, "say" | "paths"> & { readonly settings: Pick<Mesh["settings"], "dataDir"> },
  addresses: readonly Address[],
  owner?: OwnersWay,
): void {
  const nameWidth = Math.max(...addresses.map(({ name }) => name.length));
  const addressWidth = Math.max(...addresses.map(({ address }) => address.length));
  say("");
  for (const { name, address, about } of addresses) {
    say(`  ${styleText("bold", name.padEnd(nameWidth))}  ${address.padEnd(addressWidth)}  ${styleText("dim", about)}`);
  }
  say(`  ${"logs".padEnd(nameWidth)}  ${paths.logs}`);
  if (owner !== undefined) tellOwner(say, addresses, owner, nameWidth);
  say("");
  if (addresses.every(({ serves }) => serves)) {
    const { origin, certificate } = addresses.find(({ name }) => name === "conductor") ?? {};
    const [{ dataDir }, { data }] = [settings, paths];
    const { command, remark } = nextThing({ origin, certificate, ownerFile: owner?.file, dataDir, data });
    say(`COS is up. Try:  ${styleText("cyan", command)}`);
    if (remark !== undefined) say(remark);
  } else say("COS is not all up yet; it goes on trying.");
  say("Ctrl-C stops everything.");
}

function tellOwner(say: Mesh["say"], addresses: readonly Address[], owner: OwnersWay, nameWidth: number): void {
  const { origin } = addresses.find(({ name }) => name === owner.service) ?? {};
  say(
    `  ${"token".padEnd(nameWidth)}  ${owner.file}  ${styleText("dim", "the owner's, who may do everything: yours alone")}`,
  );
  say("");
  say(WHO_IS_LET_IN[owner.auth]);
  if (origin !== undefined) say(`Look, as the owner:  ${styleText("cyan", `${origin}/#token=${owner.token}`)}`);
}

/** Says that another launcher runs, and where what it started is. */
export function tellRunning({ pid, addresses }: Instance, say: (line: string) => void): void {
  say(`COS runs already (process ${pid})${addresses.length === 0 ? "; it is just starting or stopping." : ":"}`);
  for (const [name, address] of addresses) say(`  ${name}  ${address}`);
}
