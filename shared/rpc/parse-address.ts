import { isLoopback } from "#shared/config/listen-of.ts";
import { SettingsError } from "#shared/config/read-settings.ts";

/** An address taken apart. */
export interface ServerAddress {
  /** What grpc-js resolves. */
  readonly target: string;
  /** Whether the URL asks for TLS, or refuses it; undefined: it is no URL and says neither. */
  readonly tls: boolean | undefined;
  /** The one host of it, without brackets; undefined: there are several, or a socket's path. */
  readonly host: string | undefined;
  /** Whether what is sent there stays on this machine. */
  readonly isLocal: boolean;
}

/** Reads `host:port`, `http://host:port`, `https://host:port` or a target of grpc-js such as `dns:///host:port`. */
export function parseAddress(address: string): ServerAddress {
  const [, scheme, named] = /^(https?):\/\/([^/]+)\/?$/.exec(address) ?? [];
  const target = named ?? address;
  const host = hostOf(target);
  const isLocal = host === undefined ? /^unix(?:-abstract)?:/.test(target) : isLoopback(host);
  return { target, tls: scheme === undefined ? undefined : scheme === "https", host, isLocal };
}

/** Refuses what would show a token to the network. Throws SettingsError. */
export function refuseOpenToken(address: string, { isLocal }: ServerAddress): void {
  if (isLocal) return;
  throw new SettingsError([
    `a token is not sent to ${address} without TLS, where anybody on the way could read it: name the server by https://`,
  ]);
}

function hostOf(target: string): string | undefined {
  const shape = /^(?:dns:(?:\/\/\/)?|ipv[46]:)?(\[[^\]]+\]|[^:/,]+)(?::\d+)?$/;
  return shape.exec(target)?.[1]?.replace(/^\[|\]$/g, "");
}
