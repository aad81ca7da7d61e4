import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isIPv6 } from "node:net";
import { createSecureContext } from "node:tls";
import { SettingsError } from "#shared/config/read-settings.ts";

/** Where a listener's certificates lie. */
export interface TlsFiles {
  /** The certificate with its chain, in PEM. */
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of clients; undefined: they are not asked for. */
  readonly clientCa: string | undefined;
}

/** What the files hold, fit for use together. */
export interface TlsCertificates {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
  /** Host names and addresses that the certificate is for, as a `Host` header has them; none with a wildcard. */
  readonly hosts: readonly string[];
  /** When the certificate ends, in milliseconds of the epoch. */
  readonly expiresMs: number;
}

/** `S_IROTH` and `S_IWOTH`: what people who are neither owner nor group may do. */
const OTHERS = 0o006;

/** Reads the files; throws SettingsError with every fault, each naming its variable. */
export function readCertificates(files: TlsFiles): TlsCertificates {
  const faults: string[] = [];
  const attempt = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      faults.push(`${name} ${faultOf(error)}`);
      return undefined;
    }
  };
  const cert = attempt("COS_TLS_CERT", () => readCertificate(files.cert));
  const key = attempt("COS_TLS_KEY", () => readKey(files.key));
  const clientCa = attempt("COS_TLS_CLIENT_CA", () =>
    files.clientCa === undefined ? undefined : readCa(files.clientCa),
  );
  if (cert !== undefined && key !== undefined) {
    if (!cert.first.checkPrivateKey(key.object)) faults.push("COS_TLS_KEY is not the key of COS_TLS_CERT");
    else attempt("COS_TLS_CERT", () => createSecureContext({ cert: cert.pem, key: key.pem }));
  }
  if (cert === undefined || key === undefined || faults.length > 0) throw new SettingsError(faults);
  const { first, pem } = cert;
  return { cert: pem, key: key.pem, clientCa, hosts: hostsOf(first), expiresMs: first.validToDate.getTime() };
}

function readCertificate(path: string): { readonly pem: string; readonly first: X509Certificate } {
  const pem = readFileSync(path, "utf8");
  return { pem, first: new X509Certificate(pem) };
}

function readKey(path: string): { readonly pem: string; readonly object: KeyObject } {
  // On Windows the bits say nothing.
  if (process.platform !== "win32" && (statSync(path).mode & OTHERS) !== 0) {
    throw new Error(`can be read or written by everybody on this machine: chmod o-rw ${path}`);
  }
  const pem = readFileSync(path, "utf8");
  return { pem, object: createPrivateKey(pem) };
}

/** A file without a certificate would make OpenSSL trust nobody, and say nothing. */
function readCa(path: string): string {
  const pem = readFileSync(path, "utf8");
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new Error("holds no certificate in PEM");
  for (const each of found) {
    if (!new X509Certificate(each).ca) throw new Error("holds a certificate that may sign none (no CA)");
  }
  return pem;
}

/** What is wrong with a file, without what it says. */
function faultOf(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `names a file that is not there: ${path}`;
  if (code === "EACCES") return `names a file that this process may not read: ${path}`;
  if (code === "EISDIR") return "names a folder, not a file";
  return code === undefined ? message : `names a file that is not fit: ${message} (${code})`;
}

/** The names of a certificate, for the front gate. Those quoted by Node have characters that no host has. */
function hostsOf(certificate: X509Certificate): string[] {
  const names = certificate.subjectAltName ?? "";
  if (names.includes('"')) return [];
  return names.split(", ").flatMap((name) => {
    const [, kind, value = ""] = /^(DNS|IP Address):(.+)$/.exec(name) ?? [];
    if (kind === undefined || value.includes("*")) return [];
    return isIPv6(value) ? [new URL(`http://[${value}]`).hostname] : [value.toLowerCase()];
  });
}
