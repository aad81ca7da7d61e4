import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, type ConnectError } from "@connectrpc/connect";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  ConductorService,
  RecordMemoryRequestSchema,
  SubscribeRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { fromGrpcStatus } from "#shared/rpc/from-grpc-status.ts";
import { closeServed, MEMORY, type Served, serve, until } from "#tests/support/rpc/serve.ts";

const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) {
    close();
  }
  await closeServed();
});

type MethodName = (typeof ConductorService.methods)[number]["name"];

/** Sends bytes over native gRPC and gives the error that they are answered with; undefined: none. */
function sendRaw(
  served: Served,
  bytes: Uint8Array,
  method: MethodName = "RecordMemory",
): Promise<ConnectError | undefined> {
  const client = new Client(`127.0.0.1:${served.port}`, credentials.createInsecure());
  closers.push(() => client.close());
  const path = `/${ConductorService.typeName}/${method}`;
  const asIs = (given: Buffer) => given;
  return new Promise((resolve) => {
    const call = client.makeServerStreamRequest(path, asIs, asIs, Buffer.from(bytes), new Metadata());
    call.on("data", () => {});
    call.on("error", (error: ServiceError) => resolve(fromGrpcStatus(error)));
    call.on("end", () => setImmediate(() => resolve(undefined)));
  });
}

interface JsonError {
  readonly status: number;
  readonly code?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly fields?: readonly string[];
}

/** Sends a body over Connect and gives what the error says. */
async function post(served: Served, body: string | Uint8Array, options: { type?: string; method?: MethodName } = {}) {
  const { type = "application/json", method = "RecordMemory" } = options;
  const response = await fetch(`http://127.0.0.1:${served.port}/${ConductorService.typeName}/${method}`, {
    method: "POST",
    headers: { "content-type": type, "x-request-id": "r-9" },
    body: body as BodyInit,
  });
  const text = await response.text();
  expect(response.headers.get("x-request-id")).toBe("r-9");
  return { status: response.status, ...summarize(text) };
}

type BodyInit = NonNullable<RequestInit["body"]>;
type RequestInit = NonNullable<Parameters<typeof fetch>[1]>;

function summarize(text: string): Omit<JsonError, "status"> {
  const {
    code,
    message,
    details = [],
  } = JSON.parse(text) as {
    code?: string;
    message?: string;
    details?: { debug?: { reason?: string; fieldViolations?: { field: string }[] } }[];
  };
  const reason = details.find(({ debug }) => debug?.reason)?.debug?.reason;
  const fields = details.flatMap(({ debug }) => debug?.fieldViolations ?? []).map(({ field }) => field);
  return {
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
    ...(reason !== undefined && { reason }),
    ...(fields.length > 0 && { fields }),
  };
}

/** A RecordMemoryRequest whose memory has this as its only field. */
function memoryWith(field: number, write: (writer: BinaryWriter) => void): Uint8Array {
  const memory = new BinaryWriter();
  memory.tag(field, WireType.LengthDelimited);
  write(memory);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(memory.finish()).finish();
}

const NOT_UTF8 = memoryWith(5, (writer) => writer.bytes(Uint8Array.of(0xc3, 0x28)));

describe("malformed protobuf", () => {
  test.each([
    ["garbage", Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
    [
      "cut off",
      toBinary(RecordMemoryRequestSchema, create(RecordMemoryRequestSchema, { memory: MEMORY })).slice(0, -3),
    ],
    ["a string that is not UTF-8", NOT_UTF8],
  ])("over gRPC: %s is INVALID_ARGUMENT", async (_name, bytes) => {
    const error = await sendRaw(await serve(), bytes);
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect(reasonOf(error)).toBe("MALFORMED_MESSAGE");
  });

  test("over gRPC: so it is in a stream", async () => {
    const served = await serve();
    for (const method of ["Subscribe", "RecordMemories"] as const) {
      expect(reasonOf(await sendRaw(served, Uint8Array.of(0xff), method))).toBe("MALFORMED_MESSAGE");
    }
  });

  test.each([
    ["garbage", Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
    ["a string that is not UTF-8", NOT_UTF8],
  ])("over Connect: %s is INVALID_ARGUMENT, and logged", async (_name, bytes) => {
    const served = await serve();
    expect(await post(served, bytes, { type: "application/proto" })).toMatchObject({
      status: 400,
      code: "invalid_argument",
      reason: "MALFORMED_MESSAGE",
    });
    expect(served.lines).toContainEqual(
      expect.objectContaining({ code: "INVALID_ARGUMENT", reason: "MALFORMED_MESSAGE", request_id: "r-9" }),
    );
  });

  test("a message nested 200 deep is INVALID_ARGUMENT", async () => {
    let nested = new Uint8Array(0);
    for (let depth = 0; depth < 200; depth += 1) {
      const list = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(nested).finish();
      nested = new BinaryWriter().tag(6, WireType.LengthDelimited).bytes(list).finish();
    }
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string("k");
    entry.tag(2, WireType.LengthDelimited).bytes(nested);
    const struct = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry.finish()).finish();
    const error = await sendRaw(
      await serve(),
      memoryWith(11, (writer) => writer.bytes(struct)),
    );
    expect(reasonOf(error)).toBe("MALFORMED_MESSAGE");
  });
});

describe("values that JSON cannot say are refused in bytes too", () => {
  test.each([
    ["nanos of a whole second", { seconds: 0n, nanos: 1_000_000_000 }],
    ["negative nanos", { seconds: 0n, nanos: -1 }],
    ["year 0", { seconds: -62_135_596_801n, nanos: 0 }],
    ["year 10000", { seconds: 253_402_300_800n, nanos: 0 }],
  ])("a time with %s", async (_name, occurredAt) => {
    const request = create(RecordMemoryRequestSchema, { memory: { ...MEMORY, occurredAt } });
    const error = await sendRaw(await serve(), toBinary(RecordMemoryRequestSchema, request));
    expect(fieldsOf(error)).toMatchObject([{ field: "memory.occurred_at" }]);
  });

  test("a time within a oneof, and a duration", async () => {
    const served = await serve();
    const time = { case: "fromTime", value: { seconds: 0n, nanos: -1 } } as const;
    const fromTime = toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, { start: time }));
    expect(fieldsOf(await sendRaw(served, fromTime, "Subscribe"))).toMatchObject([{ field: "from_time" }]);
    for (const heartbeat of [
      { seconds: 10n, nanos: -5 },
      { seconds: 0n, nanos: 1_000_000_000 },
      { seconds: 400_000_000_000n, nanos: 0 },
    ]) {
      const bytes = toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, { heartbeat }));
      expect(fieldsOf(await sendRaw(served, bytes, "Subscribe"))).toMatchObject([{ field: "heartbeat" }]);
    }
  });

  test("a payload with a number that is none, however deep", async () => {
    const payload = { ok: 1, deep: [{ no: 0.5 }] };
    const request = create(RecordMemoryRequestSchema, { memory: { ...MEMORY, payload } });
    const bytes = Buffer.from(toBinary(RecordMemoryRequestSchema, request));
    const half = Buffer.alloc(8);
    half.writeDoubleLE(0.5);
    bytes.writeDoubleLE(Number.NaN, bytes.indexOf(half));
    expect(fieldsOf(await sendRaw(await serve(), bytes))).toMatchObject([{ field: "memory.payload" }]);
  });

  test("in an item of a list, by its index", async () => {
    const { BatchRecordMemoriesRequestSchema: schema } = await import("#gen/cos/conductor/v1/conductor_service_pb.ts");
    const occurredAt = { seconds: 0n, nanos: -1 };
    const requests = [{ memory: MEMORY }, { memory: { ...MEMORY, occurredAt } }];
    const error = await sendRaw(await serve(), toBinary(schema, create(schema, { requests })), "BatchRecordMemories");
    expect(fieldsOf(error)).toMatchObject([{ field: "requests[1].memory.occurred_at" }]);
  });
});

describe("JSON", () => {
  test.each([
    ["is cut off", '{"memory":{"te'],
    ["is not an object", "[1]"],
    ["has a key twice", '{"memory":{"text":"a","text":"b"}}'],
    ["is not UTF-8", Buffer.from('{"memory":{"text":"\xc3("}}', "latin1")],
    ["is empty", ""],
  ])("that %s is INVALID_ARGUMENT", async (_name, body) => {
    expect(await post(await serve(), body)).toMatchObject({
      status: 400,
      code: "invalid_argument",
      reason: "MALFORMED_MESSAGE",
    });
  });

  test.each([
    ["a bad time", { memory: { ...MEMORY, occurredAt: "yesterday" } }, "memory.occurred_at"],
    ["a bad time in the other spelling", { memory: { occurred_at: "2026-13-01T00:00:00Z" } }, "memory.occurred_at"],
    ["an unknown enum name", { memory: MEMORY, view: "FUL" }, "view"],
    ["a number for a text", { memory: { ...MEMORY, text: 5 } }, "memory.text"],
    ["a text for a list", { memory: { ...MEMORY, tags: "a" } }, "memory.tags"],
    ["a bad item of a list", { memory: { ...MEMORY, tags: ["a", 1] } }, "memory.tags[1]"],
    ["a text for an object", { memory: "x" }, "memory"],
    ["a list for a struct", { memory: { ...MEMORY, payload: [] } }, "memory.payload"],
    [
      "a fraction for a whole number",
      { memory: { promptTrace: { tokenCount: 1.5 } } },
      "memory.prompt_trace.token_count",
    ],
  ])("with %s names the field", async (_name, body, field) => {
    expect(await post(await serve(), JSON.stringify(body))).toMatchObject({
      status: 400,
      code: "invalid_argument",
      reason: "INVALID_FIELD",
      fields: [field],
    });
  });

  test("in a list of messages the path has the index", async () => {
    const body = { requests: [{ memory: MEMORY }, { memory: { occurredAt: 1 } }, { memory: { occurredAt: 1 } }] };
    expect(await post(await serve(), JSON.stringify(body), { method: "BatchRecordMemories" })).toMatchObject({
      fields: ["requests[1].memory.occurred_at"],
    });
    const unknown = {
      requests: [
        { memory: MEMORY, view: "MEMORY_VIEW_FULL" },
        { memory: MEMORY, view: "ALL" },
      ],
    };
    expect(await post(await serve(), JSON.stringify(unknown), { method: "BatchRecordMemories" })).toMatchObject({
      fields: ["requests[1].view"],
    });
  });

  const keys = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key ${index}`, index]));
  const deep = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;

  test.each([
    ["many values", JSON.stringify(keys)],
    ["many levels", deep(100_000)],
  ])("with a struct too large for %s is refused before it is parsed", async (_name, payload) => {
    const message = "memory.payload: must be at most 64 KiB as JSON";
    const body = `{"memory":{"text":"x","payload":${payload}}}`;
    expect(await post(await serve(), body)).toMatchObject({ status: 400, reason: "INVALID_FIELD", message });
    const batch = `{"requests":[{"memory":{"text":"x"}},${body}]}`;
    expect(await post(await serve(), batch, { method: "BatchRecordMemories" })).toMatchObject({
      fields: ["requests[1].memory.payload"],
    });
  });

  test("with a long text and a small struct is taken; cut off it is the parser's to refuse", async () => {
    const body = JSON.stringify({ memory: { ...MEMORY, text: "x".repeat(200_000), payload: { a: 1 } }, what: {} });
    expect(await post(await serve(), body)).toMatchObject({ status: 200 });
    expect(await post(await serve(), body.slice(0, -1))).toMatchObject({ reason: "MALFORMED_MESSAGE" });
  });

  test("in a stream's request it is found too", async () => {
    const served = await serve();
    const json = Buffer.from('{"fromTime":"noon"}');
    const head = Buffer.alloc(5);
    head.writeUInt32BE(json.length, 1);
    const response = await fetch(`http://127.0.0.1:${served.port}/${ConductorService.typeName}/Subscribe`, {
      method: "POST",
      headers: { "content-type": "application/connect+json" },
      body: Buffer.concat([head, json]),
    });
    const end = Buffer.from(await response.arrayBuffer())
      .subarray(5)
      .toString();
    expect(summarize(JSON.stringify(JSON.parse(end).error))).toMatchObject({
      code: "invalid_argument",
      fields: ["from_time"],
    });
  });

  test("with fields that nobody knows is taken, as Connect does", async () => {
    expect(await post(await serve(), JSON.stringify({ memory: MEMORY, new_one: 1 }))).toMatchObject({ status: 200 });
  });

  test("over 2 MiB is refused without a search for the field", async () => {
    const body = JSON.stringify({ memory: { ...MEMORY, text: "x".repeat(2_200_000), occurredAt: "no" } });
    expect(await post(await serve(), body)).toMatchObject({ reason: "MALFORMED_MESSAGE" });
  });

  test("a GET whose message is not base64 is INVALID_ARGUMENT", async () => {
    const served = await serve();
    const response = await fetch(
      `http://127.0.0.1:${served.port}/${ConductorService.typeName}/GetMemory?encoding=proto&base64=1&message=%21%21`,
    );
    expect(response.status).toBe(400);
    expect(summarize(await response.text())).toMatchObject({ reason: "MALFORMED_MESSAGE" });
  });
});

describe("other faults of a call", () => {
  test("a stream without its request is refused", async () => {
    const served = await serve();
    const client = new Client(`127.0.0.1:${served.port}`, credentials.createInsecure());
    closers.push(() => client.close());
    const path = `/${ConductorService.typeName}/Subscribe`;
    const call = client.makeBidiStreamRequest(path, Buffer.from, Buffer.from, new Metadata());
    const failed = new Promise<ServiceError>((resolve) => call.on("error", resolve));
    call.on("data", () => {});
    call.end();
    expect(await failed).toMatchObject({ code: Code.Unimplemented });
  });

  test("a malformed deadline over Connect is refused; a huge one is not", async () => {
    const served = await serve();
    const url = `http://127.0.0.1:${served.port}/${ConductorService.typeName}/RecordMemory`;
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ memory: MEMORY });
    const ask = (timeout: string) =>
      fetch(url, { method: "POST", headers: { ...headers, "connect-timeout-ms": timeout }, body });
    expect((await ask("soon")).status).toBe(400);
    expect((await ask("9999999999")).status).toBe(200);
  });

  test("a thousand faulty items are answered with the first of them, and the answer arrives", async () => {
    const served = await serve();
    const requests = Array.from({ length: 1_000 }, () => ({ memory: { ...MEMORY, module: "NO" } }));
    const error = await served.client.batchRecordMemories({ requests }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect(fieldsOf(error)).toHaveLength(25);
    expect((error as ConnectError).rawMessage).toMatch(/^requests\[0\]\.memory\.module: .* \(and 999 more\)$/);
    await until(() => served.server.callsInFlight === 0);
  });
});
