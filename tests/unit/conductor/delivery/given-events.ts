// Events and members for tests of the delivery.
import { create } from "@bufbuild/protobuf";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { Member, type MemberOptions } from "#services/conductor/delivery/member.ts";
import { Access } from "#shared/auth/access.ts";
import { type SharedEvent, shareEvent } from "#shared/highway/shared-event.ts";

export function eventOf(position: number, text = "t", sessionId = ""): SharedEvent {
  const value = create(MemorySchema, { module: "cc", position: BigInt(position), text, sessionId, source: "ada" });
  return shareEvent(create(EventSchema, { body: { case: "memory", value } }));
}

export function accessTo(modules: Iterable<string> = ["*"]): Access {
  const grants = new Map([...modules].map((module) => [module, Verb.READ] as const));
  return new Access({
    principal: { name: "ada", kind: PrincipalKind.PERSON, grants },
    credential: CredentialKind.TOKEN,
  });
}

export function memberOf(options: Partial<MemberOptions> = {}): Member {
  return new Member({
    consumer: "editor",
    name: "ada",
    generation: "7",
    leaseMs: 1000,
    access: accessTo(),
    limit: undefined,
    heartbeatMs: 10_000,
    degraded: () => false,
    outboxes: { bytes: 0, bytesMax: 1024 * 1024 * 1024 },
    ageMaxMs: Number.POSITIVE_INFINITY,
    settle: async () => [],
    onHungry: () => undefined,
    ...options,
  });
}
