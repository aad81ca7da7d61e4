import { constants, type ServerHttp2Stream } from "node:http2";
import type { Access } from "#shared/auth/access.ts";
import { NOBODY } from "./credentials-of.ts";

interface AwaitedRequest {
  readonly stream: ServerHttp2Stream;
  readonly sinceMs: number;
  access: Access;
}

/** The header under which a request's number travels through both stacks. Callers cannot set it. */
export const REQUEST_KEY = "cos-request";

/**
 * Cuts HTTP/2 requests whose message does not come. (HTTP/1.1 has a timeout for that; nothing in HTTP/2 does, and a call's
 * deadline begins with its message.)
 *
 * Purpose: a hundred streams on one connection, each with all but the last byte of 4 MiB, would hold 400 MiB for ever.
 *
 * Owner: the server, which closes it. A request enters when its headers are there; it leaves when its call begins, or when
 * its stream closes without one (refused, cancelled).
 *
 * 1. One timer for all requests, which runs only while there are any; they are kept in the order in which they came, so
 *    that a check looks at the late ones alone.
 * 2. What has left is never cut: long answers and streams in both directions go on.
 */
export class RequestWatch {
  readonly #requests = new Map<string, AwaitedRequest>();
  readonly #timeoutMs: number;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(timeoutMs: number, intervalMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#intervalMs = intervalMs;
  }

  /** Gives the number by which the request leaves. */
  enter(stream: ServerHttp2Stream): string {
    this.#count += 1;
    const number = String(this.#count);
    this.#requests.set(number, { stream, sinceMs: performance.now(), access: NOBODY });
    stream.once("close", () => this.leave(number));
    this.#timer ??= setInterval(() => this.#check(), this.#intervalMs).unref();
    return number;
  }

  /** Notes who makes the request, for the call that will begin. False: the request has left. */
  letIn(number: string, access: Access): boolean {
    const request = this.#requests.get(number);
    if (request !== undefined) {
      request.access = access;
    }
    return request !== undefined;
  }

  /** Who makes the request; nobody with any rights, if that was never noted. */
  accessOf(number: string | undefined): Access {
    return this.#requests.get(number ?? "")?.access ?? NOBODY;
  }

  /** How many there are. */
  get count(): number {
    return this.#requests.size;
  }

  leave(number: string | undefined): void {
    if (number !== undefined) {
      this.#requests.delete(number);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#requests.clear();
  }

  #check(): void {
    const limitMs = performance.now() - this.#timeoutMs;
    for (const [number, { stream, sinceMs }] of this.#requests) {
      if (sinceMs > limitMs) {
        return;
      }
      this.#requests.delete(number);
      stream.close(constants.NGHTTP2_CANCEL);
    }
    this.close();
  }
}
