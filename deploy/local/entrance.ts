import { formatListen, type Listen } from "#shared/config/settings.ts";
import type { AuthMode } from "#shared/identity/auth-mode.ts";

/** How callers come in to a service. */
export interface Entrance {
  /** Who is let in (`COS_AUTH`). */
  readonly auth: AuthMode;
  /** The certificate that its listener shows; undefined: it speaks no TLS. */
  readonly certificate: Certificate | undefined;
  /** Where it answers health checks without TLS, and nothing else; undefined: nowhere. */
  readonly health?: Listen | undefined;
}

interface Certificate {
  readonly file: string;
  /** Whom it is for, as a `Host` header has them. */
  readonly hosts: readonly string[];
}

const EVERY_ADDRESS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** `host:port` where a listener is reached from this machine: one on every address is on loopback too. */
export function reachedFromHere({ host, port }: Listen): string {
  return formatListen({ host: EVERY_ADDRESS[host] ?? host, port });
}

/** The origin under which a browser on this machine finds a listener, by a name that its certificate is for. */
export function originOf(listen: Listen, { certificate }: Pick<Entrance, "certificate">): string {
  const reached = reachedFromHere(listen);
  if (certificate === undefined) return `http://${reached}`;
  const { hosts } = certificate;
  const host = reached.slice(0, reached.lastIndexOf(":"));
  const named = [host, "localhost"].find((name) => hosts.includes(name)) ?? hosts[0] ?? host;
  return `https://${named}:${listen.port}`;
}
