import { BEFORE_FIRST_SEAL, type SealedContent, sealOf } from "./seal-of.ts";

/** A seal as it is stored, with the entry that it names. */
export interface StoredSeal {
  readonly number: number;
  readonly hash: Buffer;
  /** The number of the entry. */
  readonly audit: string;
  /** Undefined: it is not there. */
  readonly entry: SealedContent | undefined;
}

/** A seal that was noted elsewhere. */
export interface KnownSeal {
  readonly number: bigint;
  /** 64 hexadecimal digits. */
  readonly hash: string;
}

/** Something that is not as it was written. */
export interface SealFault {
  readonly seal: number;
  /** The entry; 0: not known. */
  readonly number: string;
  readonly description: string;
}

/** What a chain of seals is found to be. */
export interface SealsFound {
  /** How many entries were compared with their seals. */
  readonly sealed: number;
  /** The last seal; number 0: there is none. */
  readonly last: Pick<StoredSeal, "number" | "hash">;
  /** In the order of the chain; at most `faultsMax`. */
  readonly faults: readonly SealFault[];
  /** Whether there was no fault at all. */
  readonly intact: boolean;
}

/**
 * Compares a chain of seals, from the first on and in the order of their numbers, with the entries that they seal. After a fault the chain is
 * taken up again from the seal as it is stored, so that one change shows as one fault, and not in all that follows.
 */
export async function checkSeals(
  batches: AsyncIterable<readonly StoredSeal[]>,
  { known, faultsMax }: { readonly known: KnownSeal | undefined; readonly faultsMax: number },
): Promise<SealsFound> {
  let last: Pick<StoredSeal, "number" | "hash"> = { number: 0, hash: BEFORE_FIRST_SEAL };
  let sealed = 0;
  let faultCount = 0;
  const faults: SealFault[] = [];
  const report = (fault: SealFault | undefined): void => {
    if (fault === undefined) return;
    faultCount += 1;
    if (faults.length < faultsMax) faults.push(fault);
  };
  for await (const batch of batches) {
    for (const seal of batch) {
      if (seal.entry !== undefined) sealed += 1;
      report(faultBetween(last, seal));
      report(faultAgainst(known, seal));
      last = seal;
    }
  }
  report(faultAtEnd(known, last.number));
  return { sealed, last, faults, intact: faultCount === 0 };
}

function faultBetween(before: Pick<StoredSeal, "number" | "hash">, seal: StoredSeal): SealFault | undefined {
  const fault = (description: string): SealFault => ({ seal: seal.number, number: seal.audit, description });
  const next = before.number + 1;
  if (seal.number !== next) {
    const missing = seal.number - next === 1 ? `seal ${next} is` : `seals ${next} to ${seal.number - 1} are`;
    return fault(`the chain does not fit: ${missing} gone`);
  }
  if (seal.entry === undefined) return fault("the entry is gone");
  if (sealOf(before.hash, seal.entry).equals(seal.hash)) return undefined;
  return fault("the entry does not fit its seal: one of them, or the seal before, was changed");
}

function faultAgainst(known: KnownSeal | undefined, seal: StoredSeal): SealFault | undefined {
  if (known === undefined || known.number !== BigInt(seal.number)) return undefined;
  if (seal.hash.toString("hex") === known.hash) return undefined;
  const description = "the seal is not the known one: it, or something before it, was changed";
  return { seal: seal.number, number: seal.audit, description };
}

function faultAtEnd(known: KnownSeal | undefined, last: number): SealFault | undefined {
  if (known === undefined || known.number <= BigInt(last)) return undefined;
  const description = `the end was cut off: seal ${known.number}, which was known, is gone`;
  return { seal: last, number: "0", description };
}
