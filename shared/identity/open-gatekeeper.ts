import type { Access } from "#shared/auth/access.ts";
import type { Credentials, LetIn } from "#shared/auth/let-in.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { tokenInvalid, tokenMissing } from "#shared/auth/refusals.ts";
import type { Settings } from "#shared/config/read-settings.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { openAuthChanges } from "./auth-changes.ts";
import type { AuthMode } from "./auth-mode.ts";
import { RateLimits } from "./rate-limits.ts";
import type { RATE_SETTINGS } from "./rate-settings.ts";
import { readIdentities } from "./read-identities.ts";
import { TokenDirectory, type TokenDirectoryOptions } from "./token-directory.ts";

export interface GatekeeperOptions {
  readonly mode: AuthMode;
  /** Where `cos_auth` is. */
  readonly postgres: Pick<Postgres, "pool" | "cancelBackend">;
  readonly redisUrl: string;
  readonly log: Log;
  readonly rates: Settings<typeof RATE_SETTINGS>;
  /** Whom a signed token lets in; unset: nobody. */
  readonly verifyJwt?: (jwt: string) => Access | Promise<Access>;
  /** Who calls with a client certificate of this name, which ends then; unset: nobody. */
  readonly accessOfCertificate?: (name: string, expiresMs: number) => Access | undefined;
  /** Other bounds and times than the directory's own. */
  readonly directory?: Partial<Omit<TokenDirectoryOptions, "identities" | "log">>;
}

/** Stands at the door of one process. */
export interface Gatekeeper {
  readonly letIn: LetIn;
  /** This process has changed a right: it looks at once, and tells the others. */
  changed(): void;
  /** Looks and listens for changes no more. The pool stays open: it is its owner's. */
  close(): Promise<void>;
}

/**
 * Opens the door. No engine needs to be there: without PostgreSQL, unknown tokens are told ENGINE_UNAVAILABLE; without Redis, changes
 * are seen by the poll.
 *
 * Who calls is found out in this order, and the first that applies decides: a token that is sent is always judged, so that a bad one is
 * refused where none would do. From a page only a token counts: a browser adds a certificate, and the place it runs at, to
 * whatever a page asks of it.
 */
export function openGatekeeper(options: GatekeeperOptions): Gatekeeper {
  const { log, redisUrl } = options;
  const directory = new TokenDirectory({ ...options.directory, log, identities: readIdentities(options.postgres) });
  const changes = openAuthChanges({ redisUrl, log, onChange: () => directory.wake() });
  const limits = new RateLimits(options.rates, changes.commands);
  const identify = identifier(options, (token, peer) => directory.accessOf(token, peer));
  const admit = (access: Access) => {
    const { ended } = access;
    if (ended !== undefined) throw ended;
    limits.count(access);
    return access;
  };
  return {
    letIn: (credentials) => {
      const found = identify(credentials);
      return found instanceof Promise ? found.then(admit) : admit(found);
    },
    changed: () => {
      directory.wake();
      changes.announce();
    },
    close: async () => {
      changes.close();
      await directory.close();
    },
  };
}

function identifier(
  { mode, verifyJwt, accessOfCertificate }: GatekeeperOptions,
  accessOfToken: (token: string, peer: string) => Access | Promise<Access>,
): (credentials: Credentials) => Access | Promise<Access> {
  const local = mode === "required" ? undefined : localAccess();
  return ({ authorization, certificateName, certificateExpiresMs, peer, isFromPage }) => {
    if (authorization !== undefined) {
      const token = bearerOf(authorization);
      if (token.startsWith("cos_")) return accessOfToken(token, peer);
      if (verifyJwt !== undefined && JWT.test(token)) return verifyJwt(token);
      throw tokenInvalid();
    }
    if (isFromPage) throw tokenMissing();
    const isCertified = certificateName !== undefined && certificateExpiresMs !== undefined;
    const access = (isCertified ? accessOfCertificate?.(certificateName, certificateExpiresMs) : undefined) ?? local;
    if (access === undefined) throw tokenMissing();
    return access;
  };
}

/** RFC 6750, 2.1; the scheme in any case, as RFC 9110, 11.1 has it. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
/** RFC 7515, 7.1: three parts, of which only the form is looked at here. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

function bearerOf(authorization: string): string {
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) throw tokenInvalid();
  return token;
}
