import type { Principal } from "#gen/cos/auth/v1/auth_pb.ts";
import type {
  CreateTokenRequest,
  ListAuditRequest,
  ListTokensRequest,
  RevokeTokenRequest,
  RotateTokenRequest,
  SetGrantsRequest,
  Token,
  VerifyAuditResponse,
} from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import type { KnownSeal } from "../../domain/check-seals.ts";
import type { NewToken } from "./add-token.ts";
import { createToken } from "./create-token.ts";
import { inTransaction } from "./in-transaction.ts";
import { type AuditPage, listAudit } from "./list-audit.ts";
import { listTokens, type TokenPage } from "./list-tokens.ts";
import type { Connection } from "./principals.ts";
import { revokeToken } from "./revoke-token.ts";
import { rotateToken } from "./rotate-token.ts";
import { sealAudit } from "./seal-audit.ts";
import { setGrants } from "./set-grants.ts";
import { verifyAudit } from "./verify-audit.ts";
import type { Actor } from "./write-audit.ts";

/** How many entries one transaction seals. */
const sealBatch = 500;

/** How long a batch of seals may take; nobody waits for it. */
const sealTimeoutMs = 5000;

/** Principals, their tokens and rights, and the audit. Whatever changes something writes its entry in the same transaction. */
export interface AccessStore {
  createToken(actor: Actor, request: CreateTokenRequest): Promise<NewToken>;
  rotateToken(actor: Actor, request: RotateTokenRequest): Promise<NewToken>;
  revokeToken(actor: Actor, request: RevokeTokenRequest): Promise<Token[]>;
  setGrants(actor: Actor, request: SetGrantsRequest): Promise<Principal>;
  listTokens(request: ListTokensRequest, signal?: AbortSignal): Promise<TokenPage>;
  listAudit(request: ListAuditRequest, signal?: AbortSignal): Promise<AuditPage>;
  /** Takes as long as the audit is long, and ends with the signal. */
  verifyAudit(known: KnownSeal | undefined, signal?: AbortSignal): Promise<VerifyAuditResponse>;
  /** Seals a batch of the audit; answers with how many entries. */
  sealAudit(): Promise<number>;
}

/** `timeoutMs`: when a caller who changes something hears that PostgreSQL does not answer. */
export function accessStore(postgres: Postgres, timeoutMs: number): AccessStore {
  const change = <T>(work: (client: Connection) => Promise<T>) => inTransaction(postgres, { timeoutMs }, work);
  return {
    createToken: (actor, request) => change((client) => createToken(client, actor, request)),
    rotateToken: (actor, request) => change((client) => rotateToken(client, actor, request)),
    revokeToken: (actor, request) => change((client) => revokeToken(client, actor, request)),
    setGrants: (actor, request) => change((client) => setGrants(client, actor, request)),
    listTokens: (request, signal) => listTokens(postgres, request, signal),
    listAudit: (request, signal) => listAudit(postgres, request, signal),
    verifyAudit: (known, signal) =>
      inTransaction(
        postgres,
        { signal, timeoutMs: 0, begin: "begin isolation level repeatable read, read only" },
        (client) => verifyAudit(client, known),
      ),
    sealAudit: () => inTransaction(postgres, { timeoutMs: sealTimeoutMs }, (client) => sealAudit(client, sealBatch)),
  };
}
