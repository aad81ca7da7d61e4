import type { Message } from "@bufbuild/protobuf";
import type { handleUnaryCall, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { admitCall } from "./admit-request.ts";
import { refuseWhenDraining, toAnswerError } from "./answer-error.ts";
import type { BoundMethod, UnaryHandler } from "./bind-service.ts";
import type { Malformed } from "./decode-request.ts";
import type { Edge } from "./edge.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { GrpcCall } from "./grpc-call.ts";
import { toGrpcStatus } from "./grpc-status.ts";

type Request = Message | Malformed;

/** Serves a unary method on grpc-js. */
export function serveGrpcUnary(
  edge: Edge,
  method: BoundMethod & { readonly kind: "unary" },
): handleUnaryCall<Request, Buffer> {
  return (rpc, respond) => {
    void new GrpcUnaryCall(edge, method, rpc, respond).run(method.handler);
  };
}

/** One unary call. It answers once: with what the handler gives, or at once when it is aborted. */
class GrpcUnaryCall extends GrpcCall {
  readonly #rpc: ServerUnaryCall<Request, Buffer>;
  readonly #respond: sendUnaryData<Buffer>;
  #isAnswered = false;

  constructor(edge: Edge, method: BoundMethod, rpc: ServerUnaryCall<Request, Buffer>, respond: sendUnaryData<Buffer>) {
    super(edge, method, rpc.metadata);
    this.#rpc = rpc;
    this.#respond = respond;
    this.requestArrived();
  }

  async run(handler: UnaryHandler): Promise<void> {
    const { input, output } = this.method.desc;
    try {
      refuseWhenDraining(this.edge, this.method);
      const answer = encodeAnswer(output, await handler(admitCall(this, input, this.#rpc.request), this));
      this.#succeed(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  protected override watchCancel(): void {
    if (this.#rpc.cancelled) {
      this.cancel();
    } else {
      // grpc-js emits it at the end of every call, when it no longer matters.
      this.#rpc.once("cancelled", () => this.cancel());
    }
  }

  protected override onAbort(reason: Error): void {
    this.#answerError(reason);
  }

  #succeed(answer: Buffer): void {
    if (this.#rpc.cancelled) {
      this.cancel();
    }
    if (this.abortedBy !== undefined) {
      this.#fail(this.abortedBy);
      return;
    }
    this.#isAnswered = true;
    this.#rpc.sendMetadata(this.answerMetadata());
    this.#respond(null, answer);
    this.close();
  }

  #fail(error: unknown): void {
    this.close(this.#answerError(error));
  }

  #answerError(error: unknown) {
    const answer = toAnswerError(error, this);
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#respond(toGrpcStatus(answer, this.answerMetadata()));
    }
    return answer;
  }
}
