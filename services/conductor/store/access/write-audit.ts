import type pg from "pg";
import type { CallContext } from "#shared/auth/call-context.ts";
import { wordOfCredential, wordOfKind } from "./stored-words.ts";

/** What was done with a right. */
export interface Act {
  /** In the past tense: `token.created`, `memories.forgotten`. */
  readonly action: string;
  /** To what: a principal's name, a module's. */
  readonly target: string;
  /** Names, counts and reasons; never content, never a secret. */
  readonly details: Readonly<Record<string, string>>;
}

/** Who does it, and in which call: any CallContext. */
export type Actor = Pick<CallContext, "access" | "requestId">;

const insertEntry = `
  insert into cos_auth.audit (principal, kind, credential, via, action, target, details, request_id)
  values ($1, $2, $3, $4, $5, $6, $7, $8)`;

/**
 * Writes an entry of the audit. Call it on the connection, and within the transaction, of the effect that it tells of: then there
 * is neither an effect without its entry nor an entry without its effect.
 */
export async function writeAudit(client: Pick<pg.ClientBase, "query">, actor: Actor, act: Act): Promise<void> {
  const { principal, credential, via } = actor.access;
  await client.query(insertEntry, [
    principal.name,
    wordOfKind(principal.kind),
    wordOfCredential(credential),
    via?.name ?? "",
    act.action,
    act.target,
    JSON.stringify(act.details),
    actor.requestId,
  ]);
}
