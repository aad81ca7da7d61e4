import { Code, ConnectError } from "@connectrpc/connect";
import type { ClientDuplexStream, StatusObject } from "@grpc/grpc-js";
import { canceledBy } from "./canceled-by.ts";
import { fromGrpcStatus } from "./from-grpc-status.ts";
import { toHeaders } from "./grpc-metadata.ts";

/**
 * The client's side of one stream.
 *
 * Purpose: what arrived before an error is delivered before it. (Iterating grpc-js's stream itself throws at once and
 * drops what is still buffered, such as the frame that says why.)
 *
 * Owner: `openTransport`; it ends with the call, the signal, or when the caller stops iterating.
 *
 * 1. Messages come in order; then the end, or the error.
 * 2. Whoever stops listening cancels the call; nothing is left open.
 * 3. The caller's own messages are pulled no faster than they can be sent, and no longer once the call is over.
 */
export class ClientStream<I, O> {
  readonly headers: Promise<Headers>;
  /** Filled when the call is over. */
  readonly trailers = new Headers();
  readonly #call: ClientDuplexStream<I, O>;
  readonly #signal: AbortSignal | undefined;
  #status: StatusObject | undefined;
  #sendError: unknown;
  #wake: (() => void) | undefined;
  readonly #cancel = () => this.#call.cancel();

  constructor(call: ClientDuplexStream<I, O>, signal: AbortSignal | undefined) {
    this.#call = call;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#cancel);
    this.headers = new Promise((resolve) => {
      call.once("metadata", (metadata) => resolve(toHeaders(metadata)));
      // A call refused outright has no headers; its error comes with the messages.
      call.once("status", (status) => {
        this.#end(status);
        resolve(new Headers());
      });
    });
    // The status says the same, after it.
    call.on("error", () => {});
    call.on("readable", () => this.#notify());
    call.on("end", () => this.#notify());
  }

  /** Sends all of these, then half-closes; an error in them cancels the call and is what `receive` throws. */
  sendAll(messages: AsyncIterable<I>): void {
    this.#pump(messages).catch((error: unknown) => {
      this.#sendError ??= error;
      this.#call.cancel();
    });
  }

  async *receive(): AsyncGenerator<O> {
    try {
      for (;;) {
        const message = this.#call.read() as O | null;
        if (message !== null) {
          yield message;
        } else if (this.#status === undefined) {
          await this.#change();
        } else {
          this.#throwUnlessOk(this.#status);
          return;
        }
      }
    } finally {
      this.#call.cancel();
    }
  }

  async #pump(messages: AsyncIterable<I>): Promise<void> {
    for await (const message of messages) {
      if (this.#status !== undefined) {
        return;
      }
      if (!this.#call.write(message)) {
        await this.#drained();
      }
    }
    // Messages that end because the caller gave up are not all of them.
    if (!this.#signal?.aborted) {
      this.#call.end();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#call.off("drain", done);
        this.#call.off("status", done);
        resolve();
      };
      this.#call.on("drain", done);
      this.#call.on("status", done);
    });
  }

  #end(status: StatusObject): void {
    this.#status = status;
    this.#signal?.removeEventListener("abort", this.#cancel);
    toHeaders(status.metadata).forEach((value, key) => {
      this.trailers.append(key, value);
    });
    this.#notify();
  }

  #throwUnlessOk(status: StatusObject): void {
    if (status.code === 0) {
      return;
    }
    if (this.#sendError !== undefined) {
      throw ConnectError.from(this.#sendError, Code.Unknown);
    }
    throw this.#signal?.aborted ? canceledBy(this.#signal) : fromGrpcStatus(status);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
