/** A seal of the audit, as `cos audit verify` prints it. */
export interface GivenSeal {
  readonly number: bigint;
  /** 64 hexadecimal digits. */
  readonly hash: string;
}

/** `1204:` and 64 hexadecimal digits. Throws an Error that says what is wanted. */
export function parseSeal(text: string): GivenSeal {
  const [, number, hash] = /^([1-9]\d{0,17}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number !== undefined && hash !== undefined) return { number: BigInt(number), hash };
  throw new Error("must be a seal as `cos audit verify` prints it: its number, a colon, 64 hexadecimal digits");
}
