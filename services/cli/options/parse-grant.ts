/** The rights as people write them, from the least; each includes those before it. */
export const RIGHTS = ["read", "record", "approve", "admin"] as const;
export type Right = (typeof RIGHTS)[number];

/** A right in one module, or in all (`*`); plain, so that reading options loads no protobuf. */
export interface GivenGrant {
  readonly module: string;
  readonly right: Right;
}

const SHAPE = /^([*]|[a-z][a-z0-9]*(?:_[a-z0-9]+)*)=(\w+)$/;

/** `drafts=record`, or `*=read` for all modules. Throws an Error that says what is wanted. */
export function parseGrant(text: string): GivenGrant {
  const [, module, word] = SHAPE.exec(text) ?? [];
  const right = RIGHTS.find((candidate) => candidate === word);
  if (module !== undefined && right !== undefined) return { module, right };
  throw new Error("must be module=right, such as drafts=record or *=read; rights are read, record, approve and admin");
}
