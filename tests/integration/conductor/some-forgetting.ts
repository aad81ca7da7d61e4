import { create } from "@bufbuild/protobuf";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  type ForgetMemoriesRequest,
  ForgetMemoriesRequestSchema,
  type ForgetMemoriesResponse,
  ForgetMemoriesResponseSchema,
} from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { type ForgetNeeds, forgetMemories } from "#services/conductor/handlers/forget-memories.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { Scope } from "#shared/auth/scope.ts";

/** What a request says beside its selector and its reason. */
export type Further = Partial<Pick<ForgetMemoriesRequest, "module" | "dryRun">>;
export type Selector = ForgetMemoriesRequest["selector"];

export const wholeModule: Selector = { case: "wholeModule", value: true };

/** A call by somebody who administers everything. */
export function someCall(over: Partial<CallContext> = {}): CallContext & { readonly access: Access } {
  const grants = new Map([["*", Verb.ADMIN]]);
  const principal = { name: "owner", kind: PrincipalKind.PERSON, grants };
  const access = new Access({ principal, credential: CredentialKind.TOKEN });
  return {
    requestId: "request-7",
    traceId: "",
    traceparent: "",
    access,
    get scope(): Scope {
      return access.scope;
    },
    signal: new AbortController().signal,
    deadlineMs: Number.POSITIVE_INFINITY,
    ...over,
  };
}

export function someRequest(selector: Selector, further: Further = {}): ForgetMemoriesRequest {
  return create(ForgetMemoriesRequestSchema, { selector, reason: "asked by the author", ...further });
}

/** The frames of a forgetting, as they come. */
export async function* forgetting(
  needs: ForgetNeeds,
  request: ForgetMemoriesRequest,
  call: CallContext = someCall(),
): AsyncGenerator<ForgetMemoriesResponse, void, undefined> {
  for await (const frame of forgetMemories(needs)(request, call)) {
    yield create(
      ForgetMemoriesResponseSchema,
      frame as Parameters<typeof create<typeof ForgetMemoriesResponseSchema>>[1],
    );
  }
}

/** All frames of a forgetting. */
export async function forgetAll(...given: Parameters<typeof forgetting>): Promise<ForgetMemoriesResponse[]> {
  return await Array.fromAsync(forgetting(...given));
}
