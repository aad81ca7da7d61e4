import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import type { Metadata, StatusObject } from "@grpc/grpc-js";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";

/** The trailer in which gRPC carries a `google.rpc.Status`. */
export const STATUS_DETAILS = "grpc-status-details-bin";

/** An error as grpc-js sends it; `metadata` is what the trailers hold besides. */
export function toGrpcStatus(error: ConnectError, metadata: Metadata): StatusObject {
  const message = error.rawMessage.toWellFormed();
  if (error.details.length > 0) {
    const status = create(StatusSchema, { code: error.code, message, details: error.details.map(packDetail) });
    metadata.set(STATUS_DETAILS, Buffer.from(toBinary(StatusSchema, status)));
  }
  return { code: error.code as number, details: message, metadata };
}

function packDetail(detail: ConnectError["details"][number]) {
  return "desc" in detail
    ? anyPack(detail.desc, create(detail.desc, detail.value))
    : create(AnySchema, { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value });
}
