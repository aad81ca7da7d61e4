import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { Consumer_Key as Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Settle_Outcome as Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import { type ConsumedWork, type MemberOptions, type MemberState, member } from "#shared/highway/client/member.ts";
import type { ConsumedTask } from "#shared/highway/client/membership.ts";
import { Subscriber, type SubscriberOptions } from "#shared/highway/client/subscriber.ts";
import { FakeConsumer, type FakeConsumerOptions, type Seat } from "./fake-consumer.ts";

export interface Working {
  readonly fake: FakeConsumer;
  readonly subscriber: Subscriber<ConsumedTask, ConsumedWork>;
  readonly ended: Promise<void>;
  readonly states: MemberState[];
  /** `module/position#attempt`, as handlers began. */
  readonly begun: string[];
}

export type Given = Partial<SubscriberOptions<ConsumedTask, ConsumedWork>> & { member?: Partial<MemberOptions> };

export function work(
  fake: FakeConsumer,
  { member: given = {}, handle = async () => undefined, ...options }: Given = {},
): Working {
  const states: MemberState[] = [];
  const begun: string[] = [];
  const source = member({
    client: fake.client(),
    consumer: "c",
    onState: (state) => states.push(state),
    backoff: { initialMs: 0, maxMs: 0 },
    ...given,
  });
  const subscriber = new Subscriber({
    source,
    graceMs: 5_000,
    ...options,
    handle: (each, signal) => {
      begun.push(...each.events.map(({ module, position, attempt }) => `${module}/${position}#${attempt}`));
      return handle(each, signal);
    },
  });
  const ended = subscriber.run();
  ended.catch(() => undefined);
  return { fake, subscriber, ended, states, begun };
}

export async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 20_000) throw new Error("it never came to that");
    await turn();
    if (turns % 50 === 49) await delay(1);
  }
}

export const memories = (module: string, count: number, extra: object = {}) =>
  Array.from({ length: count }, (_, index) => ({ module, position: BigInt(index + 1), ...extra }));

export function consumerOf(options: Partial<FakeConsumerOptions> = {}): FakeConsumer {
  return new FakeConsumer({ key: Key.SESSION, ...options });
}

export const settlesOf = ({ settles }: FakeConsumer, outcome: Outcome) =>
  settles.filter((settle) => settle.outcome === outcome);
export const seatOf = (fake: FakeConsumer, index = -1): Seat => fake.seats.at(index) as Seat;
