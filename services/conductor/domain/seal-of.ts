import { createHash } from "node:crypto";

/** An entry of the audit as its seal proves it: exactly what is stored. */
export interface SealedContent {
  readonly number: string;
  /** Microseconds of the Unix epoch. */
  readonly atUs: string;
  readonly principal: string;
  readonly kind: string;
  readonly credential: string;
  readonly via: string;
  readonly action: string;
  readonly target: string;
  /** As stored: strings by name. Anything else is none of ours, and its form differs from that of whatever is. */
  readonly details: unknown;
  readonly requestId: string;
}

/** What the first seal follows. */
export const BEFORE_FIRST_SEAL: Buffer = Buffer.alloc(32);

/** The seal of an entry: SHA-256 of the seal before it (32 bytes) and of the entry's canonical form in UTF-8. */
export function sealOf(before: Uint8Array, entry: SealedContent): Buffer {
  return createHash("sha256").update(before).update(canonicalForm(entry)).digest();
}

/**
 * An entry as one text, the same for ever and on every machine, so that anybody can verify a seal without this code: an array in
 * JSON without white space, as JavaScript's JSON.stringify writes it, of
 *
 *     "cos.audit.1", number, at, principal, kind, credential, via, action, target, details, request_id
 *
 * all of them strings but for details, an array of [name, value] in the order of the names' UTF-16 code units. Numbers are decimal;
 * `at` is in microseconds of the Unix epoch, so neither a time zone nor a way of writing times matters.
 */
export function canonicalForm(entry: SealedContent): string {
  const { number, atUs, principal, kind, credential, via, action, target, requestId } = entry;
  return JSON.stringify([
    "cos.audit.1",
    number,
    atUs,
    principal,
    kind,
    credential,
    via,
    action,
    target,
    canonicalDetails(entry.details),
    requestId,
  ]);
}

function canonicalDetails(details: unknown): unknown {
  if (typeof details !== "object" || details === null || Array.isArray(details)) return { foreign: details };
  return Object.entries(details).sort(([left], [right]) => (left < right ? -1 : 1));
}
