import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type TLSSocket, Server as TlsServer } from "node:tls";
import type { ConnectionInjector } from "@grpc/grpc-js";
import type { Log } from "#shared/log/open-log.ts";
import type { HttpHandler } from "./connect-stack.ts";
import type { RpcLimits } from "./limits.ts";
import type { TlsCertificates } from "./tls-certificates.ts";
import { openTlsListener, replaceCertificates } from "./tls-listener.ts";

/** The first bytes of every HTTP/2 connection (RFC 9113, 3.4). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export interface OnePortOptions {
  readonly grpc: ConnectionInjector;
  /** Answers HTTP/1.1. */
  readonly handler: HttpHandler;
  readonly limits: RpcLimits;
  readonly log: Log;
  /** Unset: the port speaks no TLS. */
  readonly certificates?: TlsCertificates | undefined;
}

/**
 * One listener for both protocols.
 *
 * Purpose: native gRPC (HTTP/2) and HTTP/1.1 on one port, with TLS or without.
 *
 * Owner: `openServer`, which closes it.
 *
 * 1. A connection is HTTP/2 when its full 24-byte preface is there, HTTP/1.1 as soon as a byte differs from it. One that
 *    shows neither in time is cut: half a preface would park inside grpc-js for ever.
 * 2. Over TLS the bytes must be what was agreed on (ALPN): a client that says one and speaks the other is cut. One that
 *    agreed on nothing may speak HTTP/1.1, but not HTTP/2 (RFC 9113, 3.2).
 * 3. Every socket has an error handler from its first moment, and is known here until it closes; so is one whose handshake
 *    is not done.
 */
export class OnePort {
  readonly #listener: Server;
  readonly #http: HttpServer;
  readonly #grpc: ConnectionInjector;
  readonly #limits: RpcLimits;
  readonly #sockets = new Set<Socket>();
  #isStopping = false;

  constructor({ grpc, handler, limits, log, certificates }: OnePortOptions) {
    this.#grpc = grpc;
    this.#limits = limits;
    this.#http = openHttp(handler, limits);
    this.#listener =
      certificates === undefined
        ? createServer({ noDelay: true }, (socket) => this.#sort(socket))
        : openTlsListener({ certificates, limits, log, onSocket: (socket) => this.#sort(socket) });
    this.#listener.on("connection", (socket) => this.#hold(socket));
    this.#listener.maxConnections = limits.connectionsMax;
  }

  /** Uses these certificates from the next connection on. */
  setCertificates(certificates: TlsCertificates): void {
    if (this.#listener instanceof TlsServer) replaceCertificates(this.#listener, certificates);
  }

  /** Listens; rejects with the system's error, EADDRINUSE among them. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen(port, host, () => {
        this.#listener.off("error", reject);
        resolve(this.#listener.address() as AddressInfo);
      });
    });
  }

  /** Takes no new connections, and tells those that are open to finish: GOAWAY, and `connection: close`. */
  stopListening(): void {
    this.#isStopping = true;
    this.#listener.close();
    this.#grpc.drain(this.#limits.deadlineMaxMs);
    this.#http.closeIdleConnections();
  }

  /** Resolves when the connections that were told to finish have closed: by then all answers have left. */
  async emptied(): Promise<void> {
    this.#http.closeIdleConnections();
    await Promise.all([...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  /** Cuts everything off. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#http.close();
    this.#grpc.destroy();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
  }

  /** Over TLS there are two sockets of a connection: the one that came, and the one that speaks. */
  #hold(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  #sort(socket: Socket | TLSSocket): void {
    this.#hold(socket);
    sniff(socket, this.#limits.sniffTimeoutMs, (isHttp2) => {
      if (this.#isStopping || !isAgreed(socket, isHttp2)) {
        // Too late to be told to finish: it would stay for ever. Or not what it says it is.
        socket.destroy();
      } else if (isHttp2) {
        this.#grpc.injectConnection(socket);
      } else {
        this.#http.emit("connection", socket);
      }
    });
  }
}

/** Whether a protocol is the one that the handshake has agreed on, if there was one. */
function isAgreed(socket: Socket | TLSSocket, isHttp2: boolean): boolean {
  return !("alpnProtocol" in socket) || isHttp2 === (socket.alpnProtocol === "h2");
}

function openHttp(handler: HttpHandler, limits: RpcLimits): HttpServer {
  const http = createHttpServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.requestCheckIntervalMs,
      maxHeaderSize: limits.headersBytesMax,
      // The front gate answers for the host, as it does over HTTP/2.
      requireHostHeader: false,
    },
    handler,
  );
  // Its timeouts are only watched once it listens; the sockets come from elsewhere.
  http.emit("listening");
  return http;
}

/** Reads until the protocol is certain, puts the bytes back and calls `found`; cuts a connection that takes too long. */
function sniff(socket: Socket, timeoutMs: number, found: (isHttp2: boolean) => void): void {
  let head = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      return;
    }
    head = Buffer.concat([head, chunk]);
    const shown = Math.min(head.length, PREFACE.length);
    const isPreface = head.compare(PREFACE, 0, shown, 0, shown) === 0;
    if (isPreface && shown < PREFACE.length) {
      return;
    }
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.unshift(head);
    found(isPreface);
  };
  socket.once("close", () => clearTimeout(timer));
  socket.on("readable", onReadable);
}
