import { randomUUID } from "node:crypto";
import type { ConductorService, SubscribeRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Encoded } from "#shared/rpc/encoded.ts";
import { checkFilter } from "../domain/check-filter.ts";

/** The highway's way in: frames of `SubscribeResponse`, encoded. */
export type Subscribe = (
  request: SubscribeRequest,
  subscriber: { readonly access: Access; readonly signal: AbortSignal; readonly subscriptionId: string },
) => AsyncIterable<Encoded>;

export function subscribe(open: Subscribe): Handlers<typeof ConductorService>["subscribe"] {
  return (request, { access, signal }) => {
    checkFilter(request.filter);
    return open(request, { access, signal, subscriptionId: randomUUID() });
  };
}
