import { create } from "@bufbuild/protobuf";
import { type AuditEntry, AuditEntrySchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { SealedContent } from "../../domain/seal-of.ts";
import { timestampOf } from "../memory-rows.ts";
import { credentialOfWord, kindOfWord } from "./stored-words.ts";

/** A row of `cos_auth.audit`; numbers and microseconds in text. */
export interface AuditRow {
  readonly number: string;
  readonly at_us: string;
  readonly principal: string;
  readonly kind: string;
  readonly credential: string;
  readonly via: string;
  readonly action: string;
  readonly target: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly request_id: string;
}

/** The select list for an entry of the alias `a`. */
export const auditColumns = `a.number, (extract(epoch from a.at) * 1000000)::bigint as at_us, a.principal, a.kind, a.credential,
  a.via, a.action, a.target, a.details, a.request_id`;

/** An entry as its seal proves it. */
export function sealedContentOf(row: AuditRow): SealedContent {
  const { number, principal, kind, credential, via, action, target, details } = row;
  const [atUs, requestId] = [row.at_us, row.request_id];
  return { number, atUs, principal, kind, credential, via, action, target, details, requestId };
}

/** An entry for whoever lists them; `seal`: its place in the chain, if it has one. */
export function auditEntryOf(row: AuditRow, seal: string | null): AuditEntry {
  const { number, principal, kind, credential, via, action, target } = row;
  return create(AuditEntrySchema, {
    number: BigInt(number),
    at: timestampOf(row.at_us),
    principal,
    kind: kindOfWord(kind),
    credential: credentialOfWord(credential),
    via,
    action,
    target,
    details: Object.fromEntries(Object.entries(row.details ?? {}).map(([name, value]) => [name, String(value)])),
    requestId: row.request_id,
    seal: BigInt(seal ?? 0),
  });
}
