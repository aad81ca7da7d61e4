import { invalidField } from "#shared/errors/cos-error.ts";

const RESERVED: Readonly<Record<string, string>> = {
  owner: "is the owner, whose token `npm start` or `cos owner-token` sets, and whose rights never change",
  local: "is whoever calls from this machine without a token: it has none, and its rights never change",
};

/** Throws INVALID_FIELD for the principals that are the mesh's own: they are not administered by calls. */
export function refuseReservedName(name: string): void {
  const why = Object.hasOwn(RESERVED, name) ? RESERVED[name] : undefined;
  if (why !== undefined) throw invalidField("name", `"${name}" ${why}`);
}
