import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import {
  type Consumer,
  Consumer_Key,
  ConsumerSchema,
  type ConsumerStatus,
  ConsumerStatusSchema,
  type DeadLetter,
  DeadLetter_Reason,
  DeadLetterSchema,
} from "#gen/cos/highway/v1/consumers_pb.ts";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type RunOptions, run } from "./run.ts";

export type Handlers = Partial<ServiceImpl<typeof HighwayService>>;

export const cos = (argv: string, handlers: Handlers = {}, options: RunOptions = {}) => {
  const transport = createRouterTransport((router) => router.service(HighwayService, handlers));
  return run(argv.split(" "), { transport: { ...transport, close: () => undefined }, ...options });
};

export type StatusInit = Omit<MessageInitShape<typeof ConsumerStatusSchema>, "consumer" | "$typeName" | "$unknown">;

export const consumer = create(ConsumerSchema, {
  name: "c",
  modules: ["a", "b"],
  key: Consumer_Key.SESSION,
  lease: durationFromMs(90_000),
  maxAttempts: 5,
  maxInFlight: 1000,
  backoffInitial: durationFromMs(200),
  backoffMax: durationFromMs(3_600_000),
  filter: { eventTypes: ["diary.*"], sources: ["me"], sessionIds: ["s"], tags: ["t"] },
  createdBy: "owner",
});

export const status = (init: StatusInit = {}, of: Consumer = consumer): ConsumerStatus =>
  create(ConsumerStatusSchema, { consumer: of, lag: 1234n, deadLetters: 2n, ...init });

export const REASONS = [
  DeadLetter_Reason.UNSPECIFIED,
  DeadLetter_Reason.PARKED,
  DeadLetter_Reason.MEMBERS_LOST,
  DeadLetter_Reason.ATTEMPTS,
];

export const letter = (position: number, error: string): DeadLetter =>
  create(DeadLetterSchema, {
    event: create(EventSchema, {
      body: {
        case: "memory",
        value: create(MemorySchema, { module: "a", position: BigInt(position), text: "what it said" }),
      },
    }),
    attempts: position,
    error,
    reason: REASONS[position % 4]!,
    deadAt: timestampFromMs(1_800_000_000_000),
    member: "m",
  });
