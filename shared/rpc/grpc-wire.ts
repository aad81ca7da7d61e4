import type { ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { type Metadata, ServerInterceptingCall, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Malformed } from "./decode-request.ts";

type Request = Message | Malformed;
type PartialStatus = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

/** What Node keeps for a pending write besides its bytes, about: else ten thousand empty messages would count as nothing. */
const WRITE_OVERHEAD_BYTES = 512;

/**
 * The wire of one streaming call: grpc-js's own call, without the object streams that it puts before it.
 *
 * Purpose: exact flow control. grpc-js's object streams take 16 messages ahead in each direction, whatever their size,
 * and wait for each write before they begin the next (a stream of 1,000 messages took twice as long).
 *
 * Owner: grpc-js makes one through the interceptor of `openGrpcStack`; a `GrpcStreamCall` drives it.
 *
 * 1. A message is read only when it is pulled: a handler that does not pull stops the caller by HTTP/2's window.
 * 2. `send` may be called when `room` has resolved: what is unsent then stays below `unsentBytesMax`, or is one message.
 * 3. The requests end when the caller has said so, or we stop reading; one who resets the stream has not. (Node's own clients say so first and
 *    reset then: they cannot be told from callers who have finished.)
 * 4. After `onGone` nothing is sent and every waiting promise is settled: `pull` gives undefined, `room` resolves.
 *
 * Failure: a write that fails closes the HTTP/2 stream, and grpc-js reports that as a cancellation.
 */
export class GrpcWire extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface;
  readonly #stream: ServerHttp2Stream | undefined;
  readonly #unsentBytesMax: number;
  #unsentBytes = 0;
  #progressMs = 0;
  #pulled: ((request: Request | undefined) => void) | undefined;
  #wake: (() => void) | undefined;
  #isGone = false;
  #hasEnded = false;
  /** Called once when the caller is gone, or the call is over. */
  onGone: () => void = () => {};

  /** `started` is told the metadata under which grpc-js hands the call to its handler. */
  constructor(
    call: ServerInterceptingCallInterface,
    stream: ServerHttp2Stream | undefined,
    unsentBytesMax: number,
    started: (metadata: Metadata, wire: GrpcWire) => void,
  ) {
    super(call);
    this.#call = call;
    this.#stream = stream;
    this.#unsentBytesMax = unsentBytesMax;
    this.#started = started;
  }

  readonly #started: (metadata: Metadata, wire: GrpcWire) => void;

  override start(listener: Listener): void {
    this.#call.start({
      onReceiveMetadata: (metadata) => {
        this.#started(metadata, this);
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message: Request) => this.#deliver(message),
      onReceiveHalfClose: () => this.#endRequests(),
      onCancel: () => {
        this.#leave();
        listener.onCancel();
      },
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Since when the peer has taken nothing of what is there for it; undefined: nothing is. */
  get waitingSinceMs(): number | undefined {
    return this.#unsentBytes > 0 ? this.#progressMs : undefined;
  }

  /** The next request; undefined: there is none any more. One pull at a time. */
  pull(): Promise<Request | undefined> {
    if (this.#isGone || this.#hasEnded) {
      return Promise.resolve(undefined);
    }
    return new Promise((resolve) => {
      this.#pulled = resolve;
      this.#call.startRead();
    });
  }

  /** Ends the requests here, read or not; false: they had ended. */
  stopReading(): boolean {
    const isCut = !this.#hasEnded;
    this.#endRequests();
    return isCut;
  }

  /** Whether a message of this size may be sent now. */
  hasRoom(bytes: number): boolean {
    return this.#unsentBytes === 0 || this.#unsentBytes + bytes <= this.#unsentBytesMax || this.#isGone;
  }

  /** Resolves when there is room for a message of this size, or nobody is there to take it. */
  async room(bytes: number): Promise<void> {
    while (!this.hasRoom(bytes)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  send(message: Buffer): void {
    if (this.#isGone) {
      return;
    }
    if (this.#unsentBytes === 0) {
      this.#progressMs = performance.now();
    }
    const bytes = message.byteLength + WRITE_OVERHEAD_BYTES;
    this.#unsentBytes += bytes;
    this.#call.sendMessage(message, () => {
      this.#unsentBytes -= bytes;
      this.#progressMs = performance.now();
      this.#release();
    });
  }

  override sendMetadata(metadata: Metadata): void {
    this.#call.sendMetadata(metadata);
  }

  override sendStatus(status: PartialStatus): void {
    this.#call.sendStatus(status);
  }

  /** Cuts the stream off, with all that its peer has not taken. */
  reset(): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #deliver(request: Request | undefined): void {
    const pulled = this.#pulled;
    this.#pulled = undefined;
    pulled?.(request);
  }

  #endRequests(): void {
    this.#hasEnded = true;
    this.#deliver(undefined);
  }

  #leave(): void {
    this.#isGone = true;
    this.#endRequests();
    this.#release();
    this.onGone();
  }

  #release(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
