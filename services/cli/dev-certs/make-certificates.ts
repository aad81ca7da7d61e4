import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import type { Extension, JsonGeneralNames, X509Certificate } from "@peculiar/x509";

/** A certificate and its key, in PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** How long a certificate holds: from an hour before `now`, since clocks differ. */
export interface Validity {
  readonly now: Date;
  readonly days: number;
}

/** What signs the others. */
export interface Authority extends CertificatePair {
  readonly certificate: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

/** P-256, because every client takes it; browsers refuse Ed25519. */
const CURVE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

/** X.509's library needs its reflection first, and both only where certificates are made. */
async function library() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** Makes an authority that may sign certificates of servers and clients, and no further authorities. */
export async function makeAuthority({ now, days }: Validity, name = "COS development CA"): Promise<Authority> {
  const x509 = await library();
  const keys = await makeKeys();
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: CURVE,
    ...datesOf({ now, days }),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, signingKey: keys.privateKey, cert: certificate.toString("pem"), key: await keyPem(keys) };
}

/** An authority that was made before. Throws where the key is not of the certificate. */
export async function readAuthority({ cert, key }: CertificatePair): Promise<Authority> {
  const x509 = await library();
  const der = x509.PemConverter.decodeFirst(key);
  const signingKey = await crypto.subtle.importKey("pkcs8", der, CURVE, false, ["sign"]);
  return { certificate: new x509.X509Certificate(cert), signingKey, cert, key };
}

/** Makes a certificate for a server of these host names and addresses, the first of which is its name for people. */
export async function makeServerCertificate(
  authority: Authority,
  hosts: readonly [string, ...string[]],
  validity: Validity,
): Promise<CertificatePair> {
  const names = hosts.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value }));
  return makeLeaf(authority, { commonName: hosts[0], names, usage: "serverAuth", validity });
}

/** Makes a client's certificate with URIs for names: `spiffe://cos/graph`. */
export async function makeClientCertificate(
  authority: Authority,
  uris: readonly [string, ...string[]],
  validity: Validity,
): Promise<CertificatePair> {
  const names = uris.map((value) => ({ type: "url" as const, value }));
  return makeLeaf(authority, { commonName: uris[0].slice(-64), names, usage: "clientAuth", validity });
}

interface Leaf {
  readonly commonName: string;
  readonly names: JsonGeneralNames;
  readonly usage: "serverAuth" | "clientAuth";
  readonly validity: Validity;
}

async function makeLeaf(authority: Authority, leaf: Leaf): Promise<CertificatePair> {
  const x509 = await library();
  const keys = await makeKeys();
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[leaf.usage]]),
    new x509.SubjectAlternativeNameExtension(leaf.names),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [leaf.commonName] }],
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm: CURVE,
    ...datesOf(leaf.validity),
    extensions,
  });
  return { cert: certificate.toString("pem"), key: await keyPem(keys) };
}

function datesOf({ now, days }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - HOUR_MS), notAfter: new Date(now.getTime() + days * DAY_MS) };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
}

async function keyPem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const base64 = Buffer.from(await crypto.subtle.exportKey("pkcs8", privateKey)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}
