import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from "node:tls";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { SettingsError } from "#shared/config/read-settings.ts";

/** How a client speaks TLS. Everything is PEM itself, not a path. */
export interface ClientTls {
  /** Whom the server's certificate must come from. Unset: whomever Node trusts. */
  readonly ca?: string;
  /** The client's own certificate, with its chain, and its key: both or neither. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must have, if it is not the address's. */
  readonly serverName?: string;
}

/**
 * An option for channels to an address that is no name: grpc-js announces the address as the server's name, which TLS has no
 * room for and Node refuses. What is announced instead is nobody's (RFC 6761); what is verified is another matter.
 */
export const NO_SERVER_NAME = { "grpc.ssl_target_name_override": "address.invalid" } as const;

/** What a channel to a host is opened with. */
export interface ClientSecurity {
  readonly credentials: ChannelCredentials;
  readonly options: { readonly "grpc.ssl_target_name_override"?: string };
}

/**
 * TLS 1.3 to a host, where the server's certificate must be right and have the host's name or address. Throws SettingsError for
 * PEM that is none.
 */
export function clientSecurity(tls: ClientTls, host: string | undefined): ClientSecurity {
  const { serverName } = tls;
  const context = contextOf(tls);
  if (serverName !== undefined) {
    return {
      credentials: credentials.createFromSecureContext(context),
      options: { "grpc.ssl_target_name_override": serverName },
    };
  }
  if (host === undefined || isIP(host) === 0) {
    return { credentials: credentials.createFromSecureContext(context), options: {} };
  }
  const verify = { checkServerIdentity: (_: string, peer: PeerCertificate) => checkServerIdentity(host, peer) };
  return { credentials: credentials.createFromSecureContext(context, verify), options: NO_SERVER_NAME };
}

function contextOf({ ca, cert, key }: ClientTls): SecureContext {
  try {
    return createSecureContext({
      minVersion: "TLSv1.3",
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
  } catch (error) {
    throw new SettingsError([`the TLS certificates of this client are wrong: ${reasonOf(error)}`]);
  }
}

/**
 * Credentials to ask a process of this machine for its health, by its certificate itself: whichever name and issuer that has,
 * the server must hold its key. `cert` is PEM. For a channel with `NO_SERVER_NAME`.
 */
export function probeCredentials(cert: string): ChannelCredentials {
  const context = createSecureContext({ minVersion: "TLSv1.3", ca: cert, allowPartialTrustChain: true });
  return credentials.createFromSecureContext(context, { checkServerIdentity: () => undefined });
}

/** OpenSSL's own words, without the numbers around them. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as { readonly reason?: string; readonly message: string };
  return reason ?? message;
}
