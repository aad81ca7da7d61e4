import { type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { file_cos_conductor_v1_conductor_service } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { file_cos_memory_v1_memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as AlphaServerReflection } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { descriptorBytes } from "#shared/rpc/descriptor-index.ts";
import { closeServed, collect, failureOf, from, type Served, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

const CONDUCTOR = "cos.conductor.v1.ConductorService";

describe("grpc.health.v1", () => {
  test("a service and the process are what they were set to; nobody else is known", async () => {
    const served = await serve();
    const health = createClient(Health, served.openTransport());
    served.server.health.set(CONDUCTOR, "NOT_SERVING");
    expect(await health.check({ service: CONDUCTOR })).toMatchObject({ status: Status.NOT_SERVING });
    expect(await health.check({})).toMatchObject({ status: Status.SERVING });
    expect(await failureOf(health.check({ service: "cos.No" }))).toMatchObject({ code: Code.NotFound });
    const refused = { code: Code.NotFound, rawMessage: "there is no such service here" };
    expect(await failureOf(health.check({ service: "x".repeat(100_000) }))).toMatchObject(refused);
  });

  test("List tells all of them", async () => {
    const health = createClient(Health, (await serve()).openTransport());
    const { statuses } = await health.list({});
    expect(Object.keys(statuses).sort()).toEqual(["", CONDUCTOR]);
  });

  test("Watch tells the present state and each change, and SERVICE_UNKNOWN of what is not there", async () => {
    const served = await serve();
    const health = createClient(Health, served.openTransport());
    const seen: unknown[] = [];
    const unknown: unknown[] = [];
    const watch = async (service: string, into: unknown[]) => {
      for await (const { status } of health.watch({ service })) {
        into.push(status);
      }
    };
    const watching = Promise.all([watch(CONDUCTOR, seen), watch("cos.No", unknown)]);
    await until(() => seen.length === 1 && unknown.length === 1);
    served.server.health.set(CONDUCTOR, "NOT_SERVING");
    await until(() => seen.length === 2);
    served.server.health.set(CONDUCTOR, "SERVING");
    await until(() => seen.length === 3);
    served.server.health.close();
    await watching;
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
    expect(unknown).toEqual([Status.SERVICE_UNKNOWN]);
  });

  test("a watcher that leaves is forgotten", async () => {
    const served = await serve();
    const canceler = new AbortController();
    const health = createClient(Health, served.openTransport());
    const watching = failureOf(collect(health.watch({}, { signal: canceler.signal })));
    await until(() => served.server.callsInFlight === 1);
    canceler.abort();
    await watching;
    await until(() => served.server.callsInFlight === 0);
  });

  test("before anybody says so, nothing is serving", async () => {
    const served = await serve();
    served.server.health.setAll("NOT_SERVING");
    expect(served.server.health.entries()).toEqual([
      ["", "NOT_SERVING"],
      [CONDUCTOR, "NOT_SERVING"],
    ]);
  });
});

type Question = ServerReflectionRequest["messageRequest"];

/** Asks one after the other, in one stream. */
async function askReflection(served: Served, ...questions: Question[]): Promise<ServerReflectionResponse[]> {
  const client = createClient(ServerReflection, served.openTransport());
  return collect(client.serverReflectionInfo(from(...questions.map((messageRequest) => ({ messageRequest })))));
}

function filesOf(response: ServerReflectionResponse | undefined): string[] {
  const { messageResponse } = response ?? {};
  return messageResponse?.case === "fileDescriptorResponse"
    ? messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)
    : [];
}

describe("reflection", () => {
  test.each([ServerReflection, AlphaServerReflection] as DescService[])("%s lists all services", async (service) => {
    const served = await serve();
    const client = createClient(service as typeof ServerReflection, served.openTransport());
    const question = { messageRequest: { case: "listServices", value: "" } } as const;
    const [response] = await collect(client.serverReflectionInfo(from(question)));
    expect(response?.originalRequest?.messageRequest).toEqual(question.messageRequest);
    expect(response?.messageResponse.value).toMatchObject({
      service: [
        { name: CONDUCTOR },
        { name: "grpc.health.v1.Health" },
        { name: "grpc.reflection.v1.ServerReflection" },
        { name: "grpc.reflection.v1alpha.ServerReflection" },
      ],
    });
  });

  test("a file comes first, then all that it imports, each once", async () => {
    const [response] = await askReflection(await serve(), {
      case: "fileByFilename",
      value: "cos/conductor/v1/conductor_service.proto",
    });
    const files = filesOf(response);
    expect(files[0]).toBe("cos/conductor/v1/conductor_service.proto");
    expect(files).toEqual(
      expect.arrayContaining([
        "cos/memory/v1/memory.proto",
        "buf/validate/validate.proto",
        "cos/api/v1/annotations.proto",
      ]),
    );
    expect(new Set(files).size).toBe(files.length);
  });

  test("what a stream was sent is not sent again, except if it is asked for", async () => {
    const served = await serve();
    const first = { case: "fileByFilename", value: "cos/conductor/v1/conductor_service.proto" } as const;
    const second = { case: "fileByFilename", value: "cos/memory/v1/memory.proto" } as const;
    const [, again] = await askReflection(served, first, second);
    expect(filesOf(again)).toEqual(["cos/memory/v1/memory.proto"]);
  });

  test.each([
    ["a service", CONDUCTOR],
    ["a method", `${CONDUCTOR}.Subscribe`],
    ["a message", "cos.conductor.v1.RecordMemoryRequest"],
    ["a field", "cos.conductor.v1.RecordMemoryRequest.view"],
    ["a oneof", "cos.conductor.v1.SubscribeRequest.start"],
    ["an enum", "cos.conductor.v1.ListMemoriesOrder"],
    ["a value of an enum", "cos.conductor.v1.LIST_MEMORIES_ORDER_UNSPECIFIED"],
  ])("%s leads to its file", async (_name, value) => {
    const [response] = await askReflection(await serve(), { case: "fileContainingSymbol", value });
    expect(filesOf(response)[0]).toBe("cos/conductor/v1/conductor_service.proto");
  });

  test.each([
    ["a nested message", "buf.validate.FieldPathElement", "buf/validate/validate.proto"],
    [
      "an error detail, which no service imports",
      "google.rpc.BadRequest.FieldViolation",
      "google/rpc/error_details.proto",
    ],
    ["a reason", "cos.api.v1.ErrorReason", "cos/api/v1/errors.proto"],
    ["an extension", "cos.api.v1.output_only", "cos/api/v1/annotations.proto"],
  ])("%s leads to its file", async (_name, value, file) => {
    const [response] = await askReflection(await serve(), { case: "fileContainingSymbol", value });
    expect(filesOf(response)[0]).toBe(file);
  });

  test("extensions are found by their message and number", async () => {
    const served = await serve();
    const containingType = "google.protobuf.FieldOptions";
    const [found, numbers, missing, nobody] = await askReflection(
      served,
      {
        case: "fileContainingExtension",
        value: { $typeName: "grpc.reflection.v1.ExtensionRequest", containingType, extensionNumber: 50401 },
      },
      { case: "allExtensionNumbersOfType", value: containingType },
      {
        case: "fileContainingExtension",
        value: { $typeName: "grpc.reflection.v1.ExtensionRequest", containingType, extensionNumber: 1 },
      },
      { case: "allExtensionNumbersOfType", value: "cos.No" },
    );
    expect(filesOf(found)[0]).toBe("cos/api/v1/annotations.proto");
    expect(numbers?.messageResponse.value).toMatchObject({ extensionNumber: [1159, 1160, 50401] });
    for (const response of [missing, nobody]) {
      expect(response?.messageResponse).toMatchObject({ case: "errorResponse", value: { errorCode: Code.NotFound } });
    }
  });

  test("what is not known, and a question that asks nothing, are answered; the stream goes on", async () => {
    const responses = await askReflection(
      await serve(),
      { case: "fileByFilename", value: "no.proto" },
      { case: "fileContainingSymbol", value: "cos.No" },
      { case: undefined },
      { case: "listServices", value: "" },
    );
    const codes = responses.map(({ messageResponse: { value } }) => (value as { errorCode?: number }).errorCode);
    expect(codes).toEqual([Code.NotFound, Code.NotFound, Code.InvalidArgument, undefined]);
  });

  test("the options of the contracts are kept, custom ones too", () => {
    const file = fromBinary(FileDescriptorProtoSchema, descriptorBytes(file_cos_memory_v1_memory));
    const field = file.messageType
      .find(({ name }) => name === "Memory")
      ?.field.find(({ name }) => name === "recorded_at");
    expect(field?.options?.$unknown?.map(({ no }) => no)).toEqual([50401]);
    const conductor = fromBinary(FileDescriptorProtoSchema, descriptorBytes(file_cos_conductor_v1_conductor_service));
    expect(conductor.dependency).toContain("buf/validate/validate.proto");
  });
});
