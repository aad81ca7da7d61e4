import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ConsumeRequest } from "#gen/cos/highway/v1/consuming_pb.ts";
import { StartedSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Desk } from "../delivery/desk.ts";
import { type EncodedFrame, encodeConsumeFrame } from "../delivery/encode-frames.ts";
import type { Member } from "../delivery/member.ts";

type Highway = Handlers<typeof HighwayService>;

export interface ConsumeNeeds {
  readonly desk: Pick<Desk, "join" | "leave" | "ack">;
  /** The log's present epoch. */
  readonly epoch: () => string;
  readonly heartbeatMs: number;
}

/** How many events a member without credits holds, if it does not say. */
const LIMIT_DEFAULT = 100;

export function consume(needs: ConsumeNeeds): Highway["consume"] {
  return async function* (requests, call) {
    const messages = requests[Symbol.asyncIterator]();
    const first = await messages.next();
    if (first.done === true) return;
    const { message } = first.value;
    if (message.case !== "join") throw invalidField("join", "must be the first message");
    const member = await needs.desk.join(message.value, call);
    void hear(messages, member, call.signal);
    yield* framesOf(member, needs, call.signal);
  };
}

export function consumeServer(needs: ConsumeNeeds): Highway["consumeServer"] {
  return async function* ({ join, maxInFlight }, call) {
    const member = await needs.desk.join(join!, call, maxInFlight || LIMIT_DEFAULT);
    yield* framesOf(member, needs, call.signal);
  };
}

export function ack({ desk }: ConsumeNeeds): Highway["ack"] {
  return async ({ consumer, generation, settlements }, call) => {
    const refused = await desk.ack({ consumer, generation: String(generation) }, settlements, call);
    return { refused };
  };
}

async function* framesOf(
  member: Member,
  needs: ConsumeNeeds,
  signal: AbortSignal,
): AsyncGenerator<EncodedFrame, void, undefined> {
  try {
    yield startedFrame(needs);
    yield* member.frames(signal);
  } finally {
    await needs.desk.leave(member);
  }
}

/** Takes what the member says, until it says nothing more. */
async function hear(messages: AsyncIterator<ConsumeRequest>, member: Member, signal: AbortSignal): Promise<void> {
  try {
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      const { message } = next.value;
      if (message.case === "join")
        throw invalidField("join", "must be the first message, and the only one of its kind");
      if (message.case === "credit") member.credit(message.value.events);
      if (message.case === "settle") await member.settle(message.value);
      if (message.case === "leave") member.leave();
    }
    await member.finish();
  } catch (error) {
    // Of one that is cut off the messages end with an error too: then it is lost, not at fault.
    if (!signal.aborted) member.end({ error: error as Error });
  }
}

function startedFrame({ epoch, heartbeatMs }: ConsumeNeeds): EncodedFrame {
  const heartbeat = durationFromMs(heartbeatMs);
  const value = create(StartedSchema, { subscriptionId: randomUUID(), epoch: epoch(), heartbeat });
  return encodeConsumeFrame({ case: "started", value });
}
