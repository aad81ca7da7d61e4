import type { ProjectionLogService } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";

type Needs = Pick<Store, "projections">;

/** A service tells of itself, and of nobody else. */
export function reportProjections(store: Needs): Handlers<typeof ProjectionLogService>["reportProjections"] {
  return async (request, call) => {
    if (request.projection !== call.access.via?.name) {
      throw invalidField("projection", "must be the name of the service that calls");
    }
    requireText("generation", request.generation);
    for (const [n, { error }] of request.parked.entries()) requireText(`parked[${n}].error`, error);
    for (const [n, { epoch }] of request.places.entries()) requireText(`places[${n}].epoch`, epoch);
    await store.projections.report(request, call.signal);
    return {};
  };
}

function requireText(field: string, text: string): void {
  const fault = textFault(text);
  if (fault !== undefined) throw invalidField(field, fault);
}
