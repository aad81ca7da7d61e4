import {
  create,
  type DescFile,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { file_cos_api_v1_errors } from "#gen/cos/api/v1/errors_pb.ts";
import { file_google_rpc_error_details } from "#gen/google/rpc/error_details_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "#gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflectionRequestSchema as AlphaRequestSchema,
  ServerReflection as AlphaServerReflection,
} from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type BoundService, bindService } from "./bind-service.ts";
import { type DescriptorIndex, descriptorBytes, indexDescriptors, withImports } from "./descriptor-index.ts";
import type { Encoded } from "./encoded.ts";

type ResponseInit = MessageInitShape<typeof ServerReflectionResponseSchema>;
type Answer = NonNullable<ResponseInit["messageResponse"]>;

/** What no service imports, but errors carry in their details. */
const DETAIL_FILES = [file_google_rpc_error_details, file_cos_api_v1_errors];

/**
 * The reflection services, v1 and v1alpha (the same messages under another name), over these services and themselves.
 *
 * A file comes with those that it imports, each once in a stream, and with all options, custom ones too.
 * (`@grpc/reflection` drops options.)
 */
export function reflectionServices(services: readonly DescService[]): BoundService[] {
  const all = [...services, ServerReflection, AlphaServerReflection];
  const index = indexDescriptors([...all.map((service) => service.file), ...DETAIL_FILES]);
  const names = all.map((service) => ({ name: service.typeName })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const options = { openTo: "all callers" } as const;
  return [
    bindService(
      ServerReflection,
      { serverReflectionInfo: (requests) => answerAll(index, names, requests, ServerReflectionRequestSchema) },
      options,
    ),
    bindService(
      AlphaServerReflection,
      { serverReflectionInfo: (requests) => answerAll(index, names, requests, AlphaRequestSchema) },
      options,
    ),
  ];
}

async function* answerAll<D extends DescMessage>(
  index: DescriptorIndex,
  names: { name: string }[],
  requests: AsyncIterable<MessageShape<D>>,
  schema: D,
): AsyncGenerator<Encoded> {
  const sent = new Set<DescFile>();
  for await (const given of requests) {
    const request = fromBinary(ServerReflectionRequestSchema, toBinary(schema, given));
    const messageResponse = answer(index, names, request.messageRequest, sent);
    const response = create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse,
    });
    yield { encoded: toBinary(ServerReflectionResponseSchema, response) };
  }
}

function answer(
  index: DescriptorIndex,
  service: { name: string }[],
  asked: ServerReflectionRequest["messageRequest"],
  sent: Set<DescFile>,
): Answer {
  switch (asked.case) {
    case "fileByFilename":
      return fileAnswer(index.file(asked.value), asked.value, sent);
    case "fileContainingSymbol":
      return fileAnswer(index.fileOfSymbol(asked.value), asked.value, sent);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = asked.value;
      const file = index.fileOfExtension(containingType, extensionNumber);
      return fileAnswer(file, `${containingType}, extension ${extensionNumber}`, sent);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = index.extensionNumbers(asked.value);
      const value = { baseTypeName: asked.value, extensionNumber: extensionNumber ?? [] };
      return extensionNumber === undefined ? notFound(asked.value) : { case: "allExtensionNumbersResponse", value };
    }
    case "listServices":
      return { case: "listServicesResponse", value: { service } };
    default:
      return fault(Code.InvalidArgument, "the request asks nothing");
  }
}

/** A file with its imports; without what this stream was sent before, except for the file itself. */
function fileAnswer(file: DescFile | undefined, name: string, sent: Set<DescFile>): Answer {
  if (file === undefined) {
    return notFound(name);
  }
  sent.delete(file);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: withImports(file, sent).map(descriptorBytes) },
  };
}

function notFound(name: string): Answer {
  return fault(Code.NotFound, `not known here: ${name}`);
}

function fault(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
