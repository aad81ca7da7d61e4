import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** What a client's certificate says. */
export interface ClientCertificate {
  /** Its SPIFFE name. */
  readonly name: string;
  /** When it ends, in milliseconds of the epoch. */
  readonly expiresMs: number;
}

/** A certificate does not change while its connection lasts (TLS 1.3 has no renegotiation), and reading it takes 36 us. */
const certificates = new WeakMap<Socket, ClientCertificate | undefined>();

/**
 * A connection's client certificate, if there is one with a SPIFFE name that the handshake has verified; undefined: none. A
 * certificate with several URIs has none: which one is meant is not ours to guess (X.509-SVID, 2: exactly one).
 */
export function certificateOf(socket: Socket): ClientCertificate | undefined {
  if ((socket as Partial<TLSSocket>).authorized !== true) return undefined;
  if (certificates.has(socket)) return certificates.get(socket);
  const { subjectaltname, valid_to: validTo } = (socket as TLSSocket).getPeerCertificate();
  const name = spiffeNameOf(subjectaltname);
  const certificate = name === undefined ? undefined : { name, expiresMs: Date.parse(validTo) };
  certificates.set(socket, certificate);
  return certificate;
}

/**
 * The one URI of a certificate's names as Node writes them, `DNS:a, URI:b`, if it is a SPIFFE name. Node puts quotes around a
 * name in which there is a comma: then somebody may have written a second name into the first, and there is none for us.
 */
export function spiffeNameOf(subjectAltName: string | undefined): string | undefined {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const [only, ...more] = subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  const uri = only?.slice("URI:".length);
  return more.length === 0 && uri?.startsWith("spiffe://") ? uri : undefined;
}
