import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ERROR_DOMAIN } from "./to-wire-error.ts";

/** The first detail of this type that an error came with; undefined: none. */
export function detailOf<D extends DescMessage>(error: unknown, schema: D): MessageShape<D> | undefined {
  return error instanceof ConnectError ? error.findDetails(schema)[0] : undefined;
}

/** The name of the `cos.api.v1.ErrorReason` that an error came with, such as `CURSOR_PAST_FORK`; undefined: none. */
export function reasonOf(error: unknown): string | undefined {
  const info = detailOf(error, ErrorInfoSchema);
  return info?.domain === ERROR_DOMAIN ? info.reason : undefined;
}

/** The fields at fault, each as its path (`requests[17].memory.text`) and what is wrong with it. */
export function fieldsOf(error: unknown): readonly { readonly field: string; readonly description: string }[] {
  return detailOf(error, BadRequestSchema)?.fieldViolations ?? [];
}
