import { mkdtempSync, rmSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Authority,
  type CertificatePair,
  makeAuthority,
  makeClientCertificate,
  makeServerCertificate,
  type Validity,
} from "#services/cli/dev-certs/make-certificates.ts";
import { writePair } from "#services/cli/dev-certs/write-pair.ts";

/** A folder with certificates of a test's own: `ca` and `server` from the beginning. */
export interface TlsFolder {
  readonly authority: Authority;
  /** The path of a file in it: `server.pem`, `server.key`. */
  path(file: string): string;
  /** What `openServer` takes; with `mutual` it asks clients for certificates of `ca`. */
  files(mutual?: boolean): { cert: string; key: string; clientCa: string | undefined };
  makeServer(hosts?: readonly [string, ...string[]], validity?: Validity): Promise<CertificatePair>;
  makeClient(uris: readonly [string, ...string[]], validity?: Validity): Promise<CertificatePair>;
  write(name: string, pair: CertificatePair): Promise<void>;
  remove(): void;
}

const HOSTS = ["localhost", "127.0.0.1"] as const;

export function validFor(days: number): Validity {
  return { now: new Date(), days };
}

/** Makes such a folder (some 50 ms), open to all: as root, PostgreSQL runs as another user. */
export async function makeTlsFolder(): Promise<TlsFolder> {
  const folder = mkdtempSync(join(tmpdir(), "cos-tls-"));
  await chmod(folder, 0o755);
  const authority = await makeAuthority(validFor(30));
  const path = (file: string) => join(folder, file);
  const made: TlsFolder = {
    authority,
    path,
    files: (mutual = false) => ({
      cert: path("server.pem"),
      key: path("server.key"),
      clientCa: mutual ? path("ca.pem") : undefined,
    }),
    makeServer: (hosts = HOSTS, validity = validFor(30)) => makeServerCertificate(authority, hosts, validity),
    makeClient: (uris, validity = validFor(30)) => makeClientCertificate(authority, uris, validity),
    write: (name, pair) => writePair(folder, name, pair),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  await made.write("ca", authority);
  await made.write("server", await made.makeServer());
  return made;
}
