import { readFile } from "node:fs/promises";
import { SettingsError } from "#shared/config/read-settings.ts";
import type { ClientTls } from "#shared/rpc/client-tls.ts";
import type { CliSettings } from "../config.ts";
import { readSecretFile, sharedWarning } from "./read-secret-file.ts";

/** The files that the settings name; undefined: none. Throws SettingsError with every fault. */
export async function readClientTls(
  settings: CliSettings,
  warn: (text: string) => Promise<void>,
): Promise<ClientTls | undefined> {
  const { tlsCa, tlsClientCert, tlsClientKey } = settings;
  if ([tlsCa, tlsClientCert, tlsClientKey].every((path) => path === undefined)) return undefined;
  const faults: string[] = [];
  if ((tlsClientCert === undefined) !== (tlsClientKey === undefined)) {
    faults.push("COS_TLS_CLIENT_CERT and COS_TLS_CLIENT_KEY go together: set both or neither");
  }
  const read = async <T>(name: string, path: string | undefined, how: (path: string) => Promise<T>) => {
    if (path === undefined) return undefined;
    return how(path).catch((error: NodeJS.ErrnoException) => {
      faults.push(`${name} ${path} cannot be read: ${error.code}`);
      return undefined;
    });
  };
  const ca = await read("COS_TLS_CA", tlsCa, readText);
  const cert = await read("COS_TLS_CLIENT_CERT", tlsClientCert, readText);
  const key = await read("COS_TLS_CLIENT_KEY", tlsClientKey, readSecretFile);
  if (faults.length > 0) throw new SettingsError(faults);
  if (tlsClientKey !== undefined && key?.isShared === true) await warn(sharedWarning(tlsClientKey));
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key: key.text }),
  };
}

function readText(path: string): Promise<string> {
  return readFile(path, "utf8");
}
