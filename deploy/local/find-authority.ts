import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** As `cos dev-certs` calls its authority. */
const AUTHORITY_FILE = "ca.pem";

/**
 * The file that vouches for a listener's certificate: itself, if its chain ends in one that has signed itself, else the `ca.pem`
 * beside it, if that has signed the chain's end. Undefined: it is not known here; the system may know it, or clients must be told.
 */
export function findAuthority(certificateFile: string): string | undefined {
  const file = resolve(certificateFile);
  const end = certificatesIn(file).at(-1);
  if (end === undefined) return undefined;
  if (isSignedBy(end, end)) return file;
  const beside = join(dirname(file), AUTHORITY_FILE);
  return certificatesIn(beside).some((authority) => authority.ca && isSignedBy(end, authority)) ? beside : undefined;
}

function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** None where the file cannot be read, or holds something else. */
function certificatesIn(file: string): X509Certificate[] {
  try {
    return [...readFileSync(file, "utf8").matchAll(PEM)].map(([pem]) => new X509Certificate(pem));
  } catch {
    return [];
  }
}
