import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphLogService } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import { acceptGraphAct } from "../domain/accept-graph-act.ts";
import type { Store } from "../store/open-store.ts";
import { marksOf } from "./marks-of.ts";

type Needs = Pick<Store, "record" | "findRecorded">;

export function recordGraphAct(store: Needs): Handlers<typeof GraphLogService>["recordGraphAct"] {
  return async (request, call) => {
    const accepted = acceptGraphAct(request, marksOf(call));
    const recording = request.recordedOnly
      ? store.findRecorded(call.scope, accepted, call.signal)
      : store.record(call.scope, accepted);
    const recorded = await recording.catch((error: unknown) => {
      throw inThisRequest(error, accepted.module);
    });
    if (recorded === undefined) throw nothingRecorded();
    const { memory, module, position, epoch, deduplicated } = recorded;
    const cursor = create(CursorSchema, { module, position: BigInt(position), epoch });
    return { cursor, memoryId: memory.id, deduplicated };
  };
}

function nothingRecorded(): CosError {
  return new CosError(ErrorReason.MEMORY_NOT_FOUND, "no act was recorded under this key");
}

/** The write path knows requests that hold a memory: here the module is named elsewhere. */
function inThisRequest(error: unknown, module: string): unknown {
  if (!(error instanceof CosError) || error.reason !== ErrorReason.MODULE_NOT_FOUND) return error;
  return moduleNotFound(module, [{ field: "module", description: "must be a registered module" }]);
}
