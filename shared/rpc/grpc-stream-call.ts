import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Metadata } from "@grpc/grpc-js";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { admitCall, admitCaller, admitRequest } from "./admit-request.ts";
import { drainingError, refuseWhenDraining, toAnswerError } from "./answer-error.ts";
import type { AnyAnswer, BoundMethod } from "./bind-service.ts";
import type { Edge } from "./edge.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { GrpcCall } from "./grpc-call.ts";
import { toGrpcStatus } from "./grpc-status.ts";
import type { GrpcWire } from "./grpc-wire.ts";
import type { Stallable } from "./stall-watch.ts";

type StreamMethod = Exclude<BoundMethod, { readonly kind: "unary" }>;

/** Serves one call of a streaming method; `metadata` are the caller's. */
export function serveGrpcStream(edge: Edge, method: StreamMethod, metadata: Metadata, wire: GrpcWire): void {
  void new GrpcStreamCall(edge, method, metadata, wire).run(method);
}

/**
 * One streaming call over native gRPC.
 *
 * 1. Headers go out at once, before the handler has anything to say.
 * 2. A message is taken from the handler only when the one before it had room (`GrpcWire`).
 * 3. The handler's iterator is always finished: run to its end, or told to `return` as soon as the call is aborted. The
 *    call counts as in flight until the iterator has settled, so that a drain does not close what it still uses.
 * 4. The status is sent once.
 */
class GrpcStreamCall extends GrpcCall implements Stallable {
  readonly #wire: GrpcWire;
  #answers: AsyncIterator<AnyAnswer> | undefined;
  #isAnswered = false;
  #isStalled = false;
  /** Whether requests of the caller may be left, which are not read any more. */
  #isCutShort = false;

  constructor(edge: Edge, method: BoundMethod, metadata: Metadata, wire: GrpcWire) {
    super(edge, method, metadata);
    this.#wire = wire;
    wire.onGone = () => {
      edge.stalls.leave(this);
      this.cancel();
    };
    edge.stalls.enter(this);
  }

  async run(method: StreamMethod): Promise<void> {
    let failure: ConnectError | undefined;
    try {
      refuseWhenDraining(this.edge, method);
      this.#wire.sendMetadata(this.answerMetadata());
      await this.#pump(await this.#open(method));
      if (this.#isCutShort) {
        throw drainingError();
      }
      if (this.abortedBy === undefined) {
        this.#finish({ code: 0, details: "", metadata: new Metadata() });
      } else {
        failure = toAnswerError(this.abortedBy, this);
      }
    } catch (error) {
      failure = this.#answerError(error);
    }
    this.close(failure);
  }

  get waitingSinceMs(): number | undefined {
    return this.#wire.waitingSinceMs;
  }

  /** First the reason, for a peer that reads on after all; then, if it still does not, the end of the stream. */
  stall(): void {
    if (this.#isStalled) {
      this.#wire.reset();
    }
    this.#isStalled = true;
    this.abort(new CosError(ErrorReason.SUBSCRIBER_STALLED, "nothing was taken for too long: resume by cursor"));
  }

  /** To the handler it looks as if the caller had finished, so that it answers what it has. */
  override drain(): void {
    if (this.method.kind === "bidi_streaming") {
      this.#isCutShort = this.#wire.stopReading();
    }
  }

  protected override watchCancel(): void {
    // The wire has been telling since the constructor.
  }

  protected override onAbort(reason: Error): void {
    this.#answerError(reason);
    this.#answers?.return?.()?.catch(() => {});
  }

  async #open(method: StreamMethod): Promise<AsyncIterable<AnyAnswer>> {
    if (method.kind === "bidi_streaming") {
      // Its messages may come whenever they like.
      this.requestArrived();
      admitCaller(this);
      return method.handler(this.#requests(), this);
    }
    const request = await this.#wire.pull();
    this.requestArrived();
    if (request === undefined) {
      throw this.abortedBy ?? new ConnectError("the request message is missing", Code.Unimplemented);
    }
    return method.handler(admitCall(this, method.desc.input, request), this);
  }

  async *#requests(): AsyncGenerator<Message> {
    const { input } = this.method.desc;
    for (let next = await this.#wire.pull(); next !== undefined; next = await this.#wire.pull()) {
      yield admitRequest(input, next);
    }
    if (this.abortedBy !== undefined) {
      throw this.abortedBy;
    }
  }

  async #pump(answers: AsyncIterable<AnyAnswer>): Promise<void> {
    const iterator = answers[Symbol.asyncIterator]();
    this.#answers = iterator;
    try {
      for (;;) {
        const next = await iterator.next();
        if (next.done || this.abortedBy !== undefined) {
          break;
        }
        const message = encodeAnswer(this.method.desc.output, next.value);
        if (!this.#wire.hasRoom(message.byteLength)) {
          await this.#wire.room(message.byteLength);
        }
        if (this.abortedBy !== undefined) {
          break;
        }
        this.#wire.send(message);
      }
    } finally {
      await iterator.return?.();
    }
  }

  #answerError(error: unknown): ConnectError {
    const answer = toAnswerError(error, this);
    this.#finish(toGrpcStatus(answer, this.answerMetadata()));
    return answer;
  }

  #finish(status: Parameters<GrpcWire["sendStatus"]>[0]): void {
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#wire.sendStatus(status);
    }
  }
}
