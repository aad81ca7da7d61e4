import { create, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { ConnectError, type HandlerContext, type MethodImpl } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { admitCall, admitCaller, admitRequest } from "./admit-request.ts";
import { refuseWhenDraining, toAnswerError } from "./answer-error.ts";
import type { AnyAnswer, BoundMethod } from "./bind-service.ts";
import { type Arrival, arrivalOf, ConnectCall } from "./connect-call.ts";
import { explainParsing } from "./connect-faults.ts";
import type { Edge } from "./edge.ts";
import { type Encoded, isEncoded } from "./encoded.ts";
import type { JsonRequest } from "./json-request.ts";
import type { Stallable } from "./stall-watch.ts";

type StreamMethod = Exclude<BoundMethod, { readonly kind: "unary" }>;
type UnaryMethod = Extract<BoundMethod, { readonly kind: "unary" }>;

/** A method as Connect's router takes it, around the same handler that native gRPC calls. */
export function connectImplementation(
  edge: Edge,
  method: BoundMethod,
  json: JsonRequest,
): MethodImpl<BoundMethod["desc"]> {
  const implementation =
    method.kind === "unary"
      ? (request: Message, context: HandlerContext) => {
          json.forget();
          return answerUnary(edge, method, request, context);
        }
      : (requests: Message | AsyncIterable<Message>, context: HandlerContext) =>
          answerStream(edge, method, json, requests, context);
  return implementation as MethodImpl<BoundMethod["desc"]>;
}

async function answerUnary(edge: Edge, method: UnaryMethod, request: Message, context: HandlerContext) {
  const call = new ConnectCall(edge, method, context, arrivalOf(context));
  const { input, output } = method.desc;
  try {
    refuseWhenDraining(edge, method);
    const answer = toMessage(output, await call.race(method.handler(admitCall(call, input, request), call)));
    call.close();
    return answer;
  } catch (error) {
    const failure = toAnswerError(error, call);
    call.close(failure);
    throw failure;
  }
}

/** One stream; Connect pulls it, and pulls again when the peer has taken what was sent. */
async function* answerStream(
  edge: Edge,
  method: StreamMethod,
  json: JsonRequest,
  requests: Message | AsyncIterable<Message>,
  context: HandlerContext,
): AsyncGenerator<Message> {
  const arrival = arrivalOf(context);
  const call = new ConnectCall(edge, method, context, arrival);
  const watched = new WatchedStream(call, arrival);
  edge.stalls.enter(watched);
  try {
    refuseWhenDraining(edge, method);
    for await (const answer of untilAborted(call, startStream(method, json, requests, call))) {
      watched.waitingSinceMs = performance.now();
      yield toMessage(method.desc.output, answer);
      watched.waitingSinceMs = undefined;
    }
    call.close();
  } catch (error) {
    const failure = toAnswerError(error, call);
    call.close(failure);
    throw failure;
  } finally {
    edge.stalls.leave(watched);
    // Reached without either of the above when the peer is gone and Connect stops pulling.
    call.cancel();
    call.close(call.abortedBy && toAnswerError(call.abortedBy, call));
  }
}

function startStream(
  method: StreamMethod,
  json: JsonRequest,
  requests: Message | AsyncIterable<Message>,
  call: ConnectCall,
): AsyncIterable<AnyAnswer> {
  if (method.kind === "bidi_streaming") {
    admitCaller(call);
    return method.handler(admitAll(method, json, requests as AsyncIterable<Message>), call);
  }
  return method.handler(admitCall(call, method.desc.input, requests as Message), call);
}

/** A stream's requests as they come; what Connect's parsers throw comes out here, too. */
async function* admitAll(
  method: StreamMethod,
  json: JsonRequest,
  requests: AsyncIterable<Message>,
): AsyncGenerator<Message> {
  const iterator = requests[Symbol.asyncIterator]();
  const next = () =>
    iterator.next().catch((error: unknown) => {
      throw error instanceof ConnectError ? explainParsing(method, json, error) : error;
    });
  for (let request = await next(); !request.done; request = await next()) {
    yield admitRequest(method.desc.input, request.value);
  }
}

/** Follows a handler's answers until the call is aborted; then tells the handler to return, without waiting for it. */
async function* untilAborted(call: ConnectCall, answers: AsyncIterable<AnyAnswer>): AsyncGenerator<AnyAnswer> {
  const iterator = answers[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await call.race(iterator.next());
      if (next.done) {
        return;
      }
      yield next.value;
    }
  } finally {
    const returned = iterator.return?.()?.catch(() => {});
    if (call.abortedBy === undefined) {
      await returned;
    }
  }
}

/** A stream as the stall watch sees it: Connect does not pull while its response waits for the peer. */
class WatchedStream implements Stallable {
  waitingSinceMs: number | undefined;
  readonly #call: ConnectCall;
  readonly #arrival: Arrival;

  constructor(call: ConnectCall, arrival: Arrival) {
    this.#call = call;
    this.#arrival = arrival;
  }

  stall(): void {
    this.#call.abort(new CosError(ErrorReason.SUBSCRIBER_STALLED, "nothing was taken for too long: resume by cursor"));
    // HTTP/1.1 cannot say more behind what the peer does not read.
    this.#arrival.response.destroy();
  }
}

/**
 * Frames are encoded once for all native subscribers; for Connect, which encodes by itself (in JSON, mostly), they are
 * decoded again once for all of its subscribers.
 */
const decoded = new WeakMap<Encoded, Message>();

function toMessage(desc: DescMessage, answer: AnyAnswer): Message {
  if (!isEncoded(answer)) {
    return create(desc, answer);
  }
  let message = decoded.get(answer);
  if (message === undefined) {
    message = fromBinary(desc, answer.encoded);
    decoded.set(answer, message);
  }
  return message;
}
