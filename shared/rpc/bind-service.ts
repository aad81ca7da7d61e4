import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { CallContext } from "#shared/auth/call-context.ts";
import { OPEN_TO_ALL_CALLERS, type Requirement, requirementOf } from "#shared/auth/requirement.ts";
import type { Encoded } from "./encoded.ts";

type Answer<O extends DescMessage> = MessageInitShape<O> | Encoded;

/** The shape of one method's handler, by the kind of the method. */
type Handler<M extends DescMethod> = M extends { methodKind: "unary" }
  ? (request: MessageShape<M["input"]>, context: CallContext) => Promise<Answer<M["output"]>>
  : M extends { methodKind: "server_streaming" }
    ? (request: MessageShape<M["input"]>, context: CallContext) => AsyncIterable<Answer<M["output"]>>
    : M extends { methodKind: "bidi_streaming" }
      ? (requests: AsyncIterable<MessageShape<M["input"]>>, context: CallContext) => AsyncIterable<Answer<M["output"]>>
      : never;

/** One handler for each method of a service, by the method's local name. All are required: there are no stubs. */
export type Handlers<S extends DescService> = { readonly [K in keyof S["method"]]: Handler<S["method"][K]> };

export type AnyAnswer = Answer<DescMessage>;
export type UnaryHandler = (request: MessageShape<DescMessage>, context: CallContext) => Promise<AnyAnswer>;
export type ServerStreamHandler = (
  request: MessageShape<DescMessage>,
  context: CallContext,
) => AsyncIterable<AnyAnswer>;
export type BidiHandler = (
  requests: AsyncIterable<MessageShape<DescMessage>>,
  context: CallContext,
) => AsyncIterable<AnyAnswer>;

interface BoundMethodCommon {
  readonly desc: DescMethod;
  /** `cos.conductor.v1.ConductorService/RecordMemory`: the path without its slash, and the name in logs. */
  readonly name: string;
  /** Whether it answers although the process is going away: health checks do. */
  readonly whileDraining: boolean;
  /** Whether it answers without knowing who calls: health checks do. */
  readonly anonymous: boolean;
  /** What it asks of its caller. */
  readonly requirement: Requirement;
}

/** A method with its handler. */
export type BoundMethod = BoundMethodCommon &
  (
    | { readonly kind: "unary"; readonly handler: UnaryHandler }
    | { readonly kind: "server_streaming"; readonly handler: ServerStreamHandler }
    | { readonly kind: "bidi_streaming"; readonly handler: BidiHandler }
  );

/** A service with its handlers: what `openServer` serves, natively and over Connect. */
export interface BoundService {
  readonly desc: DescService;
  readonly methods: readonly BoundMethod[];
}

interface BindOptions {
  readonly whileDraining?: boolean;
  /** For contracts that are not ours and say nothing of rights. Unset: every method carries `(cos.auth.v1.requires)`. */
  readonly openTo?: "anybody" | "all callers";
}

/**
 * Binds handlers to the service that they implement. Throws where a handler is missing, where a method does not say what it
 * asks of its caller, and for client streams, which no contract of the mesh has.
 */
export function bindService<S extends DescService>(
  service: S,
  handlers: Handlers<S>,
  options: BindOptions = {},
): BoundService {
  const byName = handlers as Readonly<Record<string, unknown>>;
  return {
    desc: service,
    methods: service.methods.map((desc) => bindMethod(desc, byName[desc.localName], options)),
  };
}

function bindMethod(desc: DescMethod, handler: unknown, options: BindOptions): BoundMethod {
  const name = `${desc.parent.typeName}/${desc.name}`;
  if (typeof handler !== "function") {
    throw new TypeError(`${name} has no handler`);
  }
  const { whileDraining = false, openTo } = options;
  const requirement = openTo === undefined ? requirementOf(desc) : OPEN_TO_ALL_CALLERS;
  const common = { desc, name, whileDraining, anonymous: openTo === "anybody", requirement };
  // The casts forget the message types, which `Handlers` has checked against the service.
  switch (desc.methodKind) {
    case "unary":
      return { ...common, kind: "unary", handler: handler as UnaryHandler };
    case "server_streaming":
      return { ...common, kind: "server_streaming", handler: handler as ServerStreamHandler };
    case "bidi_streaming":
      return { ...common, kind: "bidi_streaming", handler: handler as BidiHandler };
    default:
      throw new TypeError(`${name}: client streams are not served`);
  }
}
