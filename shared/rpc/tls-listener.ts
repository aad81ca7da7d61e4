import { constants } from "node:crypto";
import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import type { Log } from "#shared/log/open-log.ts";
import type { RpcLimits } from "./limits.ts";
import type { TlsCertificates } from "./tls-certificates.ts";

export interface TlsListenerOptions {
  readonly certificates: TlsCertificates;
  readonly limits: Pick<RpcLimits, "handshakeTimeoutMs">;
  readonly log: Log;
  /** Takes a connection whose handshake is done. */
  readonly onSocket: (socket: TLSSocket) => void;
}

/**
 * A listener that speaks TLS 1.3 and lets clients choose between HTTP/2 and HTTP/1.1 (ALPN).
 *
 * Certificates of clients are asked for where it is known who signs them. None is all right, since a token may come later; one
 * that does not verify is not, and its connection is cut.
 */
export function openTlsListener({ certificates, limits, log, onSocket }: TlsListenerOptions): Server {
  const listener = createServer(
    {
      ...contextOf(certificates),
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: limits.handshakeTimeoutMs,
      noDelay: true,
      requestCert: certificates.clientCa !== undefined,
      // Node would refuse those without a certificate as well.
      rejectUnauthorized: false,
    },
    (socket) => {
      if (showsBadCertificate(socket)) {
        log.debug({ code: String(socket.authorizationError) }, "client certificate refused");
        socket.destroy();
      } else {
        onSocket(socket);
      }
    },
  );
  listener.on("tlsClientError", (err, socket) => {
    // Whoever scans the network comes by here: nothing to wake anybody for.
    log.debug({ err }, "TLS handshake failed");
    // Node leaves it to us: a handshake that takes too long would stay for ever.
    socket.destroy();
  });
  return listener;
}

/** Uses these from the next handshake on. Connections that are open stay as they are. */
export function replaceCertificates(listener: Server, certificates: TlsCertificates): void {
  listener.setSecureContext(contextOf(certificates));
}

function contextOf({ cert, key, clientCa }: TlsCertificates): TlsOptions {
  return {
    cert,
    key,
    ...(clientCa !== undefined && { ca: clientCa }),
    minVersion: "TLSv1.3",
    // A session that is resumed would bring its certificate along, whoever is trusted by then.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function showsBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && socket.getPeerX509Certificate() !== undefined;
}
