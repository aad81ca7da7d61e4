import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import { type CallOptions, Client, credentials, type Metadata, type ServiceError } from "@grpc/grpc-js";
import { SettingsError } from "#shared/config/read-settings.ts";
import { canceledBy } from "./canceled-by.ts";
import { ClientStream } from "./client-stream.ts";
import { type ClientSecurity, type ClientTls, clientSecurity } from "./client-tls.ts";
import { fromGrpcStatus } from "./from-grpc-status.ts";
import { type HeadersGiven, toHeaders, toMetadata } from "./grpc-metadata.ts";
import { parseAddress, refuseOpenToken, type ServerAddress } from "./parse-address.ts";

export interface TransportOptions {
  /** `host:port`, a URL (`http:` or `https:`), or a target of grpc-js such as `dns:///conductor:50051`. */
  readonly address: string;
  /** Speaks TLS, as `https:` in the address does with what Node trusts. */
  readonly tls?: ClientTls;
  /** Goes with every call that has no `authorization` of its own; never without TLS to another machine. */
  readonly token?: string;
  /** The deadline of unary calls that have none of their own, in milliseconds; unset: the server's default. */
  readonly defaultTimeoutMs?: number;
  /** Spreads the calls over all addresses of a `dns:///` name. */
  readonly roundRobin?: boolean;
  /** How long a connection may be silent before it is tested, and how long the test may take. */
  readonly keepaliveIntervalMs?: number;
  readonly keepaliveTimeoutMs?: number;
}

export type ClosableTransport = Transport & { close(): void };

const RECEIVED_BYTES_MAX = 16 * 1024 * 1024;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_LATER_MS_MAX = 2_000;

/**
 * A transport for Connect's clients over native gRPC: `createClient(ConductorService, openTransport({ address }))`. It
 * costs half of what Connect's own gRPC transport does.
 *
 * It connects with the first call and again after failures (100 ms to 2 s apart); calls made while nobody answers fail
 * at once with UNAVAILABLE. Errors are ConnectErrors with their details. `close` ends the connection, and with it the
 * calls that are open.
 *
 * A stream is left by its signal: Connect's clients do not tell the transport when a `for await` is broken off.
 *
 * Throws SettingsError where TLS is asked for in one place and refused in another, and where a token would travel openly.
 */
export function openTransport(options: TransportOptions): ClosableTransport {
  const address = parseAddress(options.address);
  const security = securityOf(options, address);
  const client = new Client(address.target, security.credentials, { ...channelOptions(options), ...security.options });
  const metadataOf = (header: HeadersGiven) => withToken(toMetadata(header), options.token);
  return {
    unary: (method, signal, timeoutMs, header, input) =>
      callUnary(client, method, signal, optionsOf(timeoutMs ?? options.defaultTimeoutMs), metadataOf(header), input),
    stream: (method, signal, timeoutMs, header, input) =>
      callStream(client, method, signal, optionsOf(timeoutMs), metadataOf(header), input),
    close: () => client.close(),
  };
}

function channelOptions(options: TransportOptions) {
  return {
    "grpc.max_receive_message_length": RECEIVED_BYTES_MAX,
    "grpc.initial_reconnect_backoff_ms": RECONNECT_FIRST_MS,
    "grpc.max_reconnect_backoff_ms": RECONNECT_LATER_MS_MAX,
    "grpc.keepalive_time_ms": options.keepaliveIntervalMs ?? 30_000,
    "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs ?? 10_000,
    // Connections of its own, so that `close` closes them; and no proxy between the processes of a mesh.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.service_config_disable_resolution": 1,
    ...(options.roundRobin === true && {
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    }),
  };
}

function securityOf({ address, tls, token }: TransportOptions, parsed: ServerAddress): ClientSecurity {
  if (tls !== undefined && parsed.tls === false) {
    throw new SettingsError([`${address} is without TLS, and certificates for it are set: write https://`]);
  }
  if (tls !== undefined || parsed.tls === true) return clientSecurity(tls ?? {}, parsed.host);
  if (token !== undefined) refuseOpenToken(address, parsed);
  return { credentials: credentials.createInsecure(), options: {} };
}

function withToken(metadata: Metadata, token: string | undefined): Metadata {
  if (token !== undefined && metadata.get("authorization").length === 0) {
    metadata.set("authorization", `Bearer ${token}`);
  }
  return metadata;
}

function optionsOf(timeoutMs: number | undefined): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function callUnary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethodUnary<I, O>,
  signal: AbortSignal | undefined,
  options: CallOptions,
  metadata: Metadata,
  input: MessageInitShape<I>,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(canceledBy(signal));
      return;
    }
    const response = { headers: new Headers(), trailers: new Headers() };
    const cancel = () => call.cancel();
    const onAnswer = (error: ServiceError | null, message?: MessageShape<O>) => {
      signal?.removeEventListener("abort", cancel);
      if (error !== null) {
        reject(signal?.aborted ? canceledBy(signal) : fromGrpcStatus(error));
        return;
      }
      // grpc-js reports the trailers right after the message, within this same turn.
      queueMicrotask(() => resolve(toUnaryResponse(method, message as MessageShape<O>, response)));
    };
    const call = client.makeUnaryRequest(
      pathOf(method),
      serializer(method.input),
      parser(method.output),
      input,
      metadata,
      options,
      onAnswer,
    );
    call.on("metadata", (received) => {
      response.headers = toHeaders(received);
    });
    call.on("status", (status) => {
      response.trailers = toHeaders(status.metadata);
    });
    signal?.addEventListener("abort", cancel);
  });
}

function toUnaryResponse<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  message: MessageShape<O>,
  response: { headers: Headers; trailers: Headers },
): UnaryResponse<I, O> {
  const { headers: header, trailers: trailer } = response;
  return { stream: false, service: method.parent, method, header, trailer, message };
}

async function callStream<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethodStreaming<I, O>,
  signal: AbortSignal | undefined,
  options: CallOptions,
  metadata: Metadata,
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  if (signal?.aborted) {
    throw canceledBy(signal);
  }
  // To grpc-js every stream is bidirectional; the bytes are the same.
  const call = client.makeBidiStreamRequest(
    pathOf(method),
    serializer(method.input),
    parser(method.output),
    metadata,
    options,
  );
  const stream = new ClientStream(call, signal);
  stream.sendAll(input);
  const headers = await stream.headers;
  return {
    stream: true,
    service: method.parent,
    method,
    header: headers,
    trailer: stream.trailers,
    message: stream.receive(),
  };
}

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function serializer<D extends DescMessage>(desc: D): (message: MessageInitShape<D>) => Buffer {
  return (message) => {
    const bytes = toBinary(desc, create(desc, message));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function parser<D extends DescMessage>(desc: D): (bytes: Buffer) => MessageShape<D> {
  return (bytes) => fromBinary(desc, bytes);
}
