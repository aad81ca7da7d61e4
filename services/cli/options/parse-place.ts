/** A position of a module. */
export interface GivenPlace {
  readonly module: string;
  readonly position: bigint;
}

/** `pepys/40`. Throws an Error that says what is wanted. */
export function parsePlace(text: string): GivenPlace {
  const [, module, position] = /^([a-z][a-z0-9]*(?:_[a-z0-9]+)*)\/([1-9]\d{0,15})$/.exec(text) ?? [];
  if (module !== undefined && position !== undefined) return { module, position: BigInt(position) };
  throw new Error("must be a place such as pepys/40");
}
