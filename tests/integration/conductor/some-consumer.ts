// Consumers for tests, and the calls that make and change them.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import { CreateConsumerRequestSchema } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { acceptConsumer } from "#services/conductor/domain/accept-consumer.ts";
import type { CreatedConsumer } from "#services/conductor/store/consumers/create-consumer.ts";
import type { Store } from "#services/conductor/store/open-store.ts";
import { Access } from "#shared/auth/access.ts";
import { localScope } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";

export function accessOf(grants: readonly [string, Verb][] = [["*", Verb.RECORD]], name = "ada"): Access {
  const principal = { name, kind: PrincipalKind.PERSON, grants: new Map(grants) };
  return new Access({ principal, credential: CredentialKind.TOKEN });
}

/** A call of somebody's, who may change whatever there is. */
export function callBy(access: Access = accessOf()) {
  return { access, scope: access.scope, signal: new AbortController().signal, judge: () => undefined };
}

export type ConsumerInit = Omit<MessageInitShape<typeof ConsumerSchema>, "$typeName">;

export function createConsumerIn(
  store: Store,
  consumer: ConsumerInit,
  start: Omit<MessageInitShape<typeof CreateConsumerRequestSchema>, "$typeName" | "consumer"> = {},
  access: Access = accessOf(),
): Promise<CreatedConsumer> {
  const accepted = acceptConsumer(create(ConsumerSchema, consumer));
  return store.consumers.create(callBy(access), accepted, create(CreateConsumerRequestSchema, start));
}

let names = 0;
/** A module that nobody else uses. */
export async function freshModule(store: Store): Promise<string> {
  names += 1;
  const name = `work${names}`;
  await store.registerModule(localScope(), create(ModuleSchema, { name }));
  return name;
}

/** Records memories of these sessions, in this order; "" is none. */
export async function recordSessions(store: Store, module: string, sessions: readonly string[]): Promise<void> {
  for (const sessionId of sessions) {
    await store.record(localScope(), someMemory({ module, sessionId, source: `source of ${sessionId}` }));
  }
}
