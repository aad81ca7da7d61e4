import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { ConnectionInjector } from "@grpc/grpc-js";
import type { HttpHandler } from "./connect-stack.ts";
import type { RpcLimits } from "./limits.ts";

/** The first bytes of every HTTP/2 connection (RFC 9113, 3.4). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * One listener for both protocols.
 *
 * Purpose: native gRPC (HTTP/2 with prior knowledge) and HTTP/1.1 on one port.
 *
 * Owner: `openServer`, which closes it.
 *
 * 1. A connection is HTTP/2 when its full 24-byte preface is there, HTTP/1.1 as soon as a byte differs from it. One that
 *    shows neither in time is cut: half a preface would park inside grpc-js for ever.
 * 2. Every socket has an error handler from its first moment, and is known here until it closes.
 */
export class OnePort {
  readonly #listener: Server;
  readonly #http: HttpServer;
  readonly #grpc: ConnectionInjector;
  readonly #limits: RpcLimits;
  readonly #sockets = new Set<Socket>();
  #isStopping = false;

  constructor(grpc: ConnectionInjector, handler: HttpHandler, limits: RpcLimits) {
    this.#grpc = grpc;
    this.#limits = limits;
    this.#http = openHttp(handler, limits);
    this.#listener = createServer({ noDelay: true }, (socket) => this.#take(socket));
    this.#listener.maxConnections = limits.connectionsMax;
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

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    sniff(socket, this.#limits.sniffTimeoutMs, (isHttp2) => {
      if (this.#isStopping) {
        // Too late to be told to finish: it would stay for ever.
        socket.destroy();
      } else if (isHttp2) {
        this.#grpc.injectConnection(socket);
      } else {
        this.#http.emit("connection", socket);
      }
    });
  }
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
