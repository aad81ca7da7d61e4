import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";

/** A PostgreSQL URL, and how its connections are kept from listeners and impostors. */
export interface PostgresTls {
  /** The URL without what it says of TLS, of which pg would make something of its own. */
  readonly url: string;
  /** What pg is given, always: it would follow `PGSSLMODE` otherwise, which may look away. */
  readonly ssl: false | ConnectionOptions;
}

/** libpq's modes, each of which either has no TLS or verifies; `require` and `verify-ca` are stricter here than there. */
const MODES: ReadonlyMap<string, boolean> = new Map([
  ["disable", false],
  ["require", true],
  ["verify-ca", true],
  ["verify-full", true],
]);

const PARAMETERS = ["sslmode", "ssl", "sslrootcert", "sslcert", "sslkey", "uselibpqcompat"] as const;

/**
 * Reads a URL's `sslmode`, `sslrootcert`, `sslcert` and `sslkey` (paths of PEM files; `sslrootcert=system`: whomever Node
 * trusts). Whatever is encrypted is verified, chain and name: modes that would look away are refused. A URL that says nothing means no
 * TLS (`withSslMode`). Throws a TypeError that does not repeat the URL, because it may hold a password.
 */
export function postgresTlsOf(url: string): PostgresTls {
  const start = url.indexOf("?");
  if (start === -1) return { url, ssl: false };
  const query = new URLSearchParams(url.slice(start + 1));
  const given = Object.fromEntries(PARAMETERS.map((name) => [name, query.get(name) ?? undefined]));
  for (const name of PARAMETERS) query.delete(name);
  const rest = query.size === 0 ? "" : `?${query.toString()}`;
  return { url: url.slice(0, start) + rest, ssl: sslOf(given, hostOf(url, query)) };
}

/**
 * A URL with the mode of `PGSSLMODE`, where it says nothing of TLS itself: what it says goes before, and the same rules hold for both.
 * Throws a TypeError for a mode that would look away, or is none.
 */
export function withSslMode(url: string, mode: string | undefined): string {
  const start = url.indexOf("?");
  const query = new URLSearchParams(start === -1 ? "" : url.slice(start + 1));
  if (mode === undefined || mode === "" || PARAMETERS.some((name) => query.has(name))) return url;
  if (!MODES.has(mode)) throw new TypeError(`must be one of ${[...MODES.keys()].join(", ")}`);
  return `${url}${start === -1 ? "?" : "&"}sslmode=${mode}`;
}

type Given = Readonly<Partial<Record<(typeof PARAMETERS)[number], string>>>;

function sslOf(
  { sslmode, ssl, sslrootcert, sslcert, sslkey, uselibpqcompat }: Given,
  host: string,
): PostgresTls["ssl"] {
  if (uselibpqcompat !== undefined) throw new TypeError("uselibpqcompat makes sslmode verify less: leave it out");
  if (ssl !== undefined) throw new TypeError("say sslmode=verify-full (or sslmode=disable) instead of ssl=...");
  const files = { sslrootcert, sslcert, sslkey };
  const isGiven = Object.values(files).some((path) => path !== undefined);
  if (sslmode === undefined && !isGiven) return false;
  const isOn = MODES.get(sslmode ?? "verify-full");
  if (isOn === undefined) throw new TypeError(`sslmode must be one of ${[...MODES.keys()].join(", ")}`);
  if (!isOn && isGiven) throw new TypeError("sslmode=disable has no use for certificates: leave one of them out");
  if (!isOn) return false;
  if ((sslcert === undefined) !== (sslkey === undefined)) throw new TypeError("sslcert and sslkey go together");
  return {
    // pg gives Node an open socket, and names only hosts that are no addresses: it would look for `localhost` otherwise.
    host,
    ...(sslrootcert !== undefined && sslrootcert !== "system" && { ca: read("sslrootcert", sslrootcert) }),
    ...(sslcert !== undefined && { cert: read("sslcert", sslcert) }),
    ...(sslkey !== undefined && { key: read("sslkey", sslkey) }),
  };
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new TypeError(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}

/** Whom the certificate must name: the host that pg connects to. */
function hostOf(url: string, query: URLSearchParams): string {
  const [, host = ""] = /^[a-z]+:\/\/(?:[^@/?]*@)?(\[[^\]]*\]|[^:/?]*)/i.exec(url) ?? [];
  return query.get("host") ?? decodeURIComponent(host.replace(/^\[|\]$/g, ""));
}
