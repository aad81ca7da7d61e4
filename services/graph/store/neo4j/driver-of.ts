import { readFileSync } from "node:fs";
import neo4j, { type Driver } from "neo4j-driver";

/** Where Neo4j is, and who calls. */
export interface Neo4jAddress {
  /** `bolt://`, `neo4j://`, and with TLS `bolt+s://`, `neo4j+s://`. */
  readonly url: string;
  /** Default `neo4j`. */
  readonly user?: string | undefined;
  /** Unset: that of `passwordFile`, else none. */
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  /** A file of certificates (PEM) that vouch for the server; unset: the system's. */
  readonly caFile?: string | undefined;
}

// Callers hear within 2 s, whatever the server does.
const TIMES = {
  connectionTimeout: 1000,
  connectionAcquisitionTimeout: 1500,
  maxTransactionRetryTime: 1000,
  // One that was idle for so long may be dead without anybody having said so.
  connectionLivenessCheckTimeout: 20_000,
  maxConnectionLifetime: 3_600_000,
} as const;

/** A driver, without any connection yet; files are read now. */
export function driverOf(address: Neo4jAddress): Driver {
  const { url, caFile } = address;
  const config = { ...TIMES, disableLosslessIntegers: true, telemetryDisabled: true, userAgent: "cos-graph" };
  if (caFile === undefined) return neo4j.driver(url, tokenOf(address), config);
  // The driver takes a file of certificates only with a URL that does not speak of TLS itself.
  return neo4j.driver(url.replace("+s://", "://"), tokenOf(address), {
    ...config,
    encrypted: "ENCRYPTION_ON",
    trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES",
    trustedCertificates: [caFile],
  });
}

function tokenOf({ user = "neo4j", password, passwordFile }: Neo4jAddress) {
  const secret = password ?? (passwordFile === undefined ? undefined : readFileSync(passwordFile, "utf8").trim());
  return secret === undefined ? undefined : neo4j.auth.basic(user, secret);
}
