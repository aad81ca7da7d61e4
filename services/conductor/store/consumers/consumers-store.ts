import type { Consumer, ConsumerStatus, DeadLetterSelector } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import type {
  CreateConsumerRequest,
  ListConsumersRequest,
  ListDeadLettersRequest,
  SeekConsumerRequest,
} from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { AcceptedConsumer } from "../../domain/accept-consumer.ts";
import type { Deliveries } from "../../domain/deliveries.ts";
import { type ConsumerChange, deleteConsumer, seekConsumer, updateConsumer } from "./change-consumers.ts";
import type { ConsumerStore } from "./consumer-store.ts";
import { type CreatedConsumer, createConsumer } from "./create-consumer.ts";
import { type DeadLetterPage, listDeadLetters } from "./dead-letters.ts";
import { deliveries } from "./deliveries.ts";
import { type ConsumerPage, getConsumer, listConsumers } from "./read-consumers.ts";
import { purgeDeadLetters, type Replayed, replayDeadLetters } from "./settle-dead-letters.ts";
import type { ChangeCall } from "./with-consumer.ts";

/** Durable consumers as the database keeps them. Each function's own file says what it rejects with. */
export interface ConsumersStore {
  create(
    call: Pick<CallContext, "access" | "scope" | "signal">,
    accepted: AcceptedConsumer,
    start: Pick<CreateConsumerRequest, "start" | "cursors">,
  ): Promise<CreatedConsumer>;
  get(scope: Scope, name: string, signal?: AbortSignal): Promise<ConsumerStatus>;
  list(
    scope: Scope,
    page: Pick<ListConsumersRequest, "pageSize" | "pageToken">,
    signal?: AbortSignal,
  ): Promise<ConsumerPage>;
  update(call: ChangeCall, change: ConsumerChange): Promise<Consumer>;
  /** Answers how many dead letters went with it. */
  delete(call: ChangeCall, name: string): Promise<number>;
  seek(call: ChangeCall, request: SeekConsumerRequest): Promise<Cursor[]>;
  listDeadLetters(scope: Scope, request: ListDeadLettersRequest, signal?: AbortSignal): Promise<DeadLetterPage>;
  replay(call: ChangeCall, consumer: string, selector: DeadLetterSelector): Promise<Replayed>;
  purge(
    call: ChangeCall,
    consumer: string,
    purge: { readonly selector: DeadLetterSelector; readonly count: number },
  ): Promise<number>;
  /** What members do. */
  readonly deliveries: Deliveries;
}

export function consumersStore(store: ConsumerStore): ConsumersStore {
  return {
    create: (call, accepted, start) => createConsumer(store, call, accepted, start),
    get: (scope, name, signal) => getConsumer(store, scope, name, signal),
    list: (scope, page, signal) => listConsumers(store, scope, page, signal),
    update: (call, change) => updateConsumer(store, call, change),
    delete: (call, name) => deleteConsumer(store, call, name),
    seek: (call, request) => seekConsumer(store, call, request),
    listDeadLetters: (scope, request, signal) => listDeadLetters(store, scope, request, signal),
    replay: (call, consumer, selector) => replayDeadLetters(store, call, consumer, selector),
    purge: (call, consumer, purge) => purgeDeadLetters(store, call, consumer, purge),
    deliveries: deliveries(store.postgres),
  };
}
