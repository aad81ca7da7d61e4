import { readFileSync } from "node:fs";
import { SettingsError } from "#shared/config/read-settings.ts";
import type { ClientTls } from "#shared/rpc/client-tls.ts";

/** What a service shows, and believes, when it calls another one: paths. */
export interface ClientTlsFiles {
  readonly tlsCa: string | undefined;
  readonly tlsClientCert: string | undefined;
  readonly tlsClientKey: string | undefined;
}

/** Reads the files; undefined: there are none. Throws SettingsError with every fault. */
export function readClientTls({ tlsCa, tlsClientCert, tlsClientKey }: ClientTlsFiles): ClientTls | undefined {
  const faults: string[] = [];
  if ((tlsClientCert === undefined) !== (tlsClientKey === undefined)) {
    faults.push("COS_TLS_CLIENT_CERT and COS_TLS_CLIENT_KEY go together: set both or neither");
  }
  const read = (variable: string, path: string | undefined): string | undefined => {
    try {
      return path === undefined ? undefined : readFileSync(path, "utf8");
    } catch (error) {
      faults.push(`${variable} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
      return undefined;
    }
  };
  const ca = read("COS_TLS_CA", tlsCa);
  const cert = read("COS_TLS_CLIENT_CERT", tlsClientCert);
  const key = read("COS_TLS_CLIENT_KEY", tlsClientKey);
  if (faults.length > 0) throw new SettingsError(faults);
  if (ca === undefined && cert === undefined) return undefined;
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}
