import { fromBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { StatusObject } from "@grpc/grpc-js";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { toHeaders } from "./grpc-metadata.ts";
import { STATUS_DETAILS } from "./grpc-status.ts";

const TYPE_PREFIX = "type.googleapis.com/";

/** What a gRPC call ended with, as the error of Connect's clients: code, message, details and trailers. */
export function fromGrpcStatus(status: StatusObject): ConnectError {
  // The numbers are the same, under two names.
  const code: number = status.code;
  const error = new ConnectError(status.details, code, toHeaders(status.metadata));
  error.details = detailsOf(status);
  return error;
}

function detailsOf(status: StatusObject): ConnectError["details"] {
  const packed = status.metadata.get(STATUS_DETAILS)[0];
  if (packed === undefined || typeof packed === "string") {
    return [];
  }
  try {
    const { details } = fromBinary(StatusSchema, packed);
    return details.map((detail) => ({ type: detail.typeUrl.replace(TYPE_PREFIX, ""), value: detail.value }));
  } catch {
    // Somebody else's idea of details does not make the error less of one.
    return [];
  }
}
