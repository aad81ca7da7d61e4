import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { TLSSocket } from "node:tls";
import { cors } from "@connectrpc/connect";
import { type CallHead, readConnectTimeout, readGrpcTimeout, readRequestId, readTraceparent } from "./call-head.ts";
import type { NodeRequest, NodeResponse } from "./connect-call.ts";
import { REQUEST_KEY } from "./request-watch.ts";

/** Lets a request in and says what its headers tell of the call; or answers it and gives undefined. */
export type FrontGate = (request: NodeRequest, response: NodeResponse) => CallHead | undefined;

interface GateOptions {
  /** Host names (or `name:port`) under which the server may be asked for. */
  readonly allowedHosts: readonly string[];
  /** Origins of pages that may call: `https://console.example`. */
  readonly allowedOrigins: readonly string[];
  readonly port: number;
  readonly messageBytesMax: number;
}

const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const ALLOWED_METHODS = cors.allowedMethods.join(", ");
const ALLOWED_HEADERS = [...cors.allowedHeaders, "authorization", "x-request-id", "traceparent"].join(", ");
const EXPOSED_HEADERS = [...cors.exposedHeaders, "x-request-id", "traceparent"].join(", ");
const PREFLIGHT_AGE_S = 7_200;

/**
 * The gate before Connect (for browsers; a native gRPC client cannot be one).
 *
 * 1. Exactly one Host, of the allow-list: a page that rebinds its own name to this machine is answered 421. It is looked
 *    up, never parsed.
 * 2. An Origin that is neither listed nor the server's own (the start page's), `null` included: 403. Without an Origin, a
 *    browser that says the request came from another site (`Sec-Fetch-Site`): 403, since GETs and images have no Origin.
 * 3. A body announced as too large: 413, before a byte of it is read.
 */
export function frontGate(options: GateOptions): FrontGate {
  const names = [...LOCAL_HOSTS, ...options.allowedHosts].map((host) => host.toLowerCase());
  const hosts = new Set(names.flatMap((host) => [host, `${host}:${options.port}`]));
  const origins = new Set(options.allowedOrigins.map(asBrowsersSay));
  return (request, response) => {
    const head = readHead(request);
    if (request.httpVersionMajor === 1) {
      // Over HTTP/2 it is ours; see RequestWatch.
      delete request.headers[REQUEST_KEY];
    }
    response.setHeader("x-request-id", head.requestId);
    if (head.traceparent !== "") {
      response.setHeader("traceparent", head.traceparent);
    }
    response.setHeader("vary", "Origin");
    const host = hostOf(request) ?? "";
    if (!hosts.has(host)) {
      return refuse(response, 421, "invalid_argument", "this server does not answer for that host");
    }
    const origin = request.headers.origin;
    if (!isWanted(origin, header(request, "sec-fetch-site"), origins) && !isOwn(origin, host, request)) {
      return refuse(response, 403, "permission_denied", "pages of that origin may not call this server");
    }
    if (origin !== undefined) {
      response.setHeader("access-control-allow-origin", origin);
      response.setHeader("access-control-expose-headers", EXPOSED_HEADERS);
    }
    if (request.method === "OPTIONS") {
      return answerPreflight(response);
    }
    if (Number(request.headers["content-length"] ?? 0) > options.messageBytesMax) {
      if (request.httpVersionMajor === 1) response.setHeader("connection", "close");
      return refuse(response, 413, "resource_exhausted", `a request may have ${options.messageBytesMax} bytes`);
    }
    return head;
  };
}

/** Answers without an RPC, in the form of a Connect error; the request's body is not read. */
export function refuse(response: NodeResponse, status: number, code: string, message: string): undefined {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ code, message }));
  return undefined;
}

function answerPreflight(response: NodeResponse): undefined {
  response.statusCode = 204;
  response.setHeader("access-control-allow-methods", ALLOWED_METHODS);
  response.setHeader("access-control-allow-headers", ALLOWED_HEADERS);
  response.setHeader("access-control-max-age", PREFLIGHT_AGE_S);
  response.end();
  return undefined;
}

/** An origin as browsers send it, however a person may write it: in small letters, without a slash at its end. */
function asBrowsersSay(origin: string): string {
  return origin.toLowerCase().replace(/\/+$/, "");
}

function isWanted(origin: string | undefined, site: string | undefined, origins: ReadonlySet<string>): boolean {
  if (origin !== undefined) {
    return origins.has(origin);
  }
  return site === undefined || site === "same-origin" || site === "none";
}

/**
 * Whether an origin is that of the very host and port which the request names, and which we answer for: on one machine other
 * ports are other people's. Where something before us may do the TLS, the page may have come by either scheme.
 */
function isOwn(origin: string | undefined, host: string, request: NodeRequest): boolean {
  return origin === `https://${host}` || (origin === `http://${host}` && !isEncrypted(request));
}

function isEncrypted(request: NodeRequest): boolean {
  const { socket } = request.httpVersionMajor === 2 ? ((request as Http2ServerRequest).stream.session ?? {}) : request;
  return (socket as Partial<TLSSocket> | undefined)?.encrypted === true;
}

/** The one host that a request names; undefined: none, or more than one. HTTP/2 may say the same one in two places. */
function hostOf(request: NodeRequest): string | undefined {
  if (request.httpVersionMajor === 2) {
    const { ":authority": authority, host } = request.headers;
    const named = authority ?? host;
    return typeof named === "string" && (host ?? named) === named ? named.toLowerCase() : undefined;
  }
  const [only, ...more] = (request as IncomingMessage).headersDistinct.host ?? [];
  return more.length === 0 ? only?.toLowerCase() : undefined;
}

function readHead(request: NodeRequest): CallHead {
  return {
    requestId: readRequestId(header(request, "x-request-id")),
    traceparent: readTraceparent(header(request, "traceparent")),
    timeoutMs: takeTimeout(request),
  };
}

/**
 * The caller's deadline, taken out of the headers so that Connect does not watch it too: its timer fires at once when a
 * deadline is over 24 days. A malformed one stays, for Connect to refuse.
 */
function takeTimeout(request: NodeRequest): number | undefined {
  for (const [name, read] of TIMEOUTS) {
    const timeoutMs = read(header(request, name) ?? "");
    if (timeoutMs !== undefined) {
      delete request.headers[name];
      return timeoutMs;
    }
  }
  return undefined;
}

const TIMEOUTS = [
  ["connect-timeout-ms", readConnectTimeout],
  ["grpc-timeout", readGrpcTimeout],
] as const;

function header(request: NodeRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
