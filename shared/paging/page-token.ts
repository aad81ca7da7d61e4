import { createHash } from "node:crypto";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";

/** Says of each part of a list's key whether it can be one. */
export type KeyShape = readonly ((part: string) => boolean)[];

/** Of this layout; a token of another one is refused like garbage. */
const version = "1";

/**
 * Where a list goes on, as an opaque string (AIP-158): the key of the last row that was looked at, bound to the list by its
 * fingerprint. The checksum tells a token that was cut or made up; it is no signature, since a token grants nothing.
 */
export function encodePageToken(fingerprint: string, key: readonly string[]): string {
  const body = JSON.stringify([version, fingerprint, ...key]);
  return Buffer.from(checksum(body) + body).toString("base64url");
}

/**
 * The key of a token that `encodePageToken` made for the same list; its parts are what `shape` says. Throws
 * PAGE_TOKEN_INVALID, also for a token that somebody made up with its checksum.
 */
export function decodePageToken(fingerprint: string, token: string, shape: KeyShape): string[] {
  const text = Buffer.from(token, "base64url").toString();
  const body = text.slice(checksumLength);
  if (text.slice(0, checksumLength) !== checksum(body)) throw invalid(foreign);
  const [madeBy, madeFor, ...key] = stringsOf(body);
  if (madeBy !== version) throw invalid("is of another release: list from the beginning");
  if (madeFor !== fingerprint) throw invalid("belongs to another module, filter or order");
  if (key.length !== shape.length || !shape.every((part, n) => part(key[n]!))) throw invalid(foreign);
  return key;
}

function stringsOf(body: string): string[] {
  try {
    const value: unknown = JSON.parse(body);
    if (Array.isArray(value) && value.every((part) => typeof part === "string")) return value;
  } catch {
    // No JSON: as foreign as JSON of another kind.
  }
  throw invalid(foreign);
}

/** What a list is, in a few characters: two lists with the same fingerprint may share tokens. */
export function fingerprintOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("base64url").slice(0, 16);
}

const checksumLength = 8;
const foreign = "is not one that this server gave";

function checksum(body: string): string {
  return createHash("sha256").update(body).digest("base64url").slice(0, checksumLength);
}

function invalid(description: string): CosError {
  return new CosError(ErrorReason.PAGE_TOKEN_INVALID, `page_token: ${description}`, {
    fields: [{ field: "page_token", description }],
  });
}
