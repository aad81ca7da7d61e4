import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Grant, type Principal, PrincipalKind, PrincipalSchema, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import {
  type AuditEntry,
  type CreateTokenRequest,
  CredentialKind,
  type ListAuditRequest,
  ListAuditRequestSchema,
  type ListTokensRequest,
  type RevokeTokenRequest,
  type RotateTokenRequest,
  type SetGrantsRequest,
  type Token,
  TokenSchema,
  type VerifyAuditRequest,
  type VerifyAuditResponse,
  VerifyAuditResponseSchema,
  type WhoAmIResponse,
  WhoAmIResponseSchema,
} from "#gen/cos/auth/v1/auth_service_pb.ts";

const MADE_MS = 1_800_000_000_000;
export const SECRET = `cos_agt_${"0123456789".repeat(4)}012abcdef`;

/** Tokens, rights and the audit, in memory; pages have two. */
export class FakeAuth {
  whoAmI: WhoAmIResponse = create(WhoAmIResponseSchema, {
    principal: { name: "local", kind: PrincipalKind.AGENT, grants: [{ module: "*", verb: Verb.RECORD }] },
    credential: CredentialKind.LOCAL,
  });
  tokens: Token[] = [];
  audit: AuditEntry[] = [];
  verified: VerifyAuditResponse = create(VerifyAuditResponseSchema, { intact: true });
  readonly createRequests: CreateTokenRequest[] = [];
  readonly rotateRequests: RotateTokenRequest[] = [];
  readonly listAuditRequests: ListAuditRequest[] = [];
  readonly verifyRequests: VerifyAuditRequest[] = [];
  readonly #check: () => void;

  constructor(check: () => void) {
    this.#check = check;
  }

  readonly handlers = {
    whoAmI: async () => {
      this.#check();
      return this.whoAmI;
    },
    createToken: async (request: CreateTokenRequest) => {
      this.#check();
      this.createRequests.push(request);
      const { name, kind, grants } = request;
      return { token: this.#add(create(PrincipalSchema, { name, kind, grants })), secret: SECRET };
    },
    rotateToken: async (request: RotateTokenRequest) => {
      this.rotateRequests.push(request);
      return { token: this.#add(this.#principal(request.name)), secret: SECRET };
    },
    revokeToken: async ({ name, tokenId }: RevokeTokenRequest) => {
      this.#principal(name);
      const ended = this.tokens.filter(
        ({ principal, id, revokedAt }) => principal?.name === name && ["", id].includes(tokenId) && !revokedAt,
      );
      for (const token of ended) token.revokedAt = timestampFromMs(MADE_MS + 1000);
      return { tokens: ended };
    },
    setGrants: async ({ name, grants }: SetGrantsRequest) => {
      const principal = this.#principal(name);
      principal.grants = grants;
      return { principal };
    },
    listTokens: async (request: ListTokensRequest) => {
      const { name, showEnded, pageToken } = request;
      const shown = this.tokens.filter((token) => {
        const expired = token.expiresAt !== undefined && token.expiresAt.seconds === 1n;
        return (name === "" || token.principal?.name === name) && (showEnded || !(token.revokedAt || expired));
      });
      const { page, nextPageToken } = pageOf(shown, pageToken, 2);
      return { tokens: page, nextPageToken };
    },
    listAudit: async (request: ListAuditRequest) => {
      this.#check();
      this.listAuditRequests.push(create(ListAuditRequestSchema, { ...request }));
      const { page, nextPageToken } = pageOf(this.audit, request.pageToken, Math.min(request.pageSize, 2));
      return { entries: page, nextPageToken };
    },
    verifyAudit: async (request: VerifyAuditRequest) => {
      this.verifyRequests.push(request);
      return this.verified;
    },
  };

  /** Makes somebody known, with a token. */
  know(name: string, kind: PrincipalKind, grants: Pick<Grant, "module" | "verb">[], extra: Partial<Token> = {}): Token {
    return this.#add(create(PrincipalSchema, { name, kind, grants }), extra);
  }

  #add(principal: Principal, extra: Partial<Token> = {}): Token {
    const token = create(TokenSchema, {
      id: `00000000-0000-7000-8000-${String(this.tokens.length + 1).padStart(12, "0")}`,
      principal,
      createdAt: timestampFromMs(MADE_MS),
      createdBy: "owner",
      expiresAt: timestampFromMs(MADE_MS + 30 * 86_400_000),
      ...extra,
    });
    this.tokens.push(token);
    return token;
  }

  #principal(name: string): Principal {
    this.#check();
    const principal = this.tokens.find((token) => token.principal?.name === name)?.principal;
    if (principal === undefined) throw new ConnectError(`there is no principal "${name}"`, Code.NotFound);
    return principal;
  }
}

function pageOf<T>(all: readonly T[], pageToken: string, size: number): { page: T[]; nextPageToken: string } {
  const start = pageToken === "" ? 0 : Number(pageToken);
  const end = start + size;
  return { page: all.slice(start, end), nextPageToken: end < all.length ? String(end) : "" };
}
