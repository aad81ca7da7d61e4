import type { Access } from "./access.ts";

/** What a request shows of who makes it; all of it is in the headers or in the connection. */
export interface Credentials {
  /** The `authorization` header as it came; undefined: none. */
  readonly authorization: string | undefined;
  /** The SPIFFE name of the client's certificate, which the handshake has verified; undefined: none. */
  readonly certificateName: string | undefined;
  /** When that certificate ends, in milliseconds of the epoch; undefined: there is none. */
  readonly certificateExpiresMs: number | undefined;
  /** The address that the connection comes from: the caller's, or that of what stands before us. Empty: it is gone. */
  readonly peer: string;
  /** Whether the request comes from a browser: then being on this machine is not enough. */
  readonly isFromPage: boolean;
}

/**
 * Finds out who calls, and whether so often is all right. Answers at once for whom it knows; otherwise after a look-up.
 *
 * Throws or rejects with TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED (UNAUTHENTICATED), RATE_LIMITED, or
 * OVERLOADED and ENGINE_UNAVAILABLE when it could not be found out.
 */
export type LetIn = (credentials: Credentials) => Access | Promise<Access>;
