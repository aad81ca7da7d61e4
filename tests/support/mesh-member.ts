import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type ConsumeRequestSchema, Settle_Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import type { MeshClient } from "./mesh.ts";
import { eventually } from "./mesh-wait.ts";

/** An event that a member was given. */
export interface Given {
  readonly module: string;
  readonly position: number;
  readonly attempt: number;
  readonly generation: bigint;
  readonly text: string;
}

/** A member at work, frame by frame, that does nothing by itself. */
export interface TestMember {
  readonly name: string;
  readonly generation: bigint;
  readonly leaseMs: number;
  readonly given: readonly Given[];
  readonly refused: readonly number[];
  /** The frames that came, by their names. */
  readonly frames: readonly string[];
  /** How the stream ended; undefined: it is open. */
  readonly ended: "in peace" | ConnectError | undefined;
  credit(events: number): void;
  settle(positions: readonly number[], outcome?: Settle_Outcome, more?: SettleMore): void;
  leave(): void;
  /** Waits until so many events were given. */
  has(count: number, limitMs?: number): Promise<void>;
  /** Waits until the stream has ended. */
  isOver(limitMs?: number): Promise<"in peace" | ConnectError>;
  /** Says nothing more: the caller's half of the stream ends. */
  finish(): void;
  /** Cuts the stream. */
  cut(): void;
}

type Message = MessageInitShape<typeof ConsumeRequestSchema>["message"];
type SettleMore = { module?: string; error?: string; generation?: bigint; delayMs?: number };

/** Joins, over native gRPC; resolves when the member is in. */
export async function joinAs(
  { highway }: MeshClient,
  consumer: string,
  member = "",
  module = "cc",
): Promise<TestMember> {
  const given: Given[] = [];
  const refused: number[] = [];
  const frames: string[] = [];
  const cutting = new AbortController();
  const said: Message[] = [];
  let spoke = Promise.withResolvers<void>();
  let over = false;
  const say = (message: Message): void => {
    said.push(message);
    spoke.resolve();
  };
  async function* messages() {
    for (;;) {
      while (said.length > 0) yield { message: said.shift()! };
      if (over) return;
      await spoke.promise;
      spoke = Promise.withResolvers();
    }
  }
  const joined = Promise.withResolvers<{ name: string; generation: bigint; leaseMs: number }>();
  const state: { ended: TestMember["ended"] } = { ended: undefined };
  const run = async (): Promise<void> => {
    for await (const { frame } of highway.consume(messages(), { signal: cutting.signal })) {
      frames.push(frame.case ?? "");
      if (frame.case === "joined") {
        const { member: name, generation, lease } = frame.value;
        joined.resolve({ name, generation, leaseMs: Number(lease!.seconds) * 1000 + lease!.nanos / 1e6 });
      }
      if (frame.case === "refused") refused.push(...frame.value.positions.map(Number));
      if (frame.case !== "deliveries") continue;
      const { generation } = frame.value;
      for (const { event, attempt } of frame.value.deliveries) {
        const memory = event!.body.value!;
        const position = Number(memory.position);
        given.push({ module: memory.module, position, attempt, generation, text: memory.text });
      }
    }
  };
  say({ case: "join", value: { consumer, member } });
  void run().then(
    () => {
      state.ended = "in peace";
    },
    (error: unknown) => {
      state.ended = ConnectError.from(error);
      joined.reject(error);
    },
  );
  const who = await joined.promise;
  return {
    ...who,
    given,
    refused,
    frames,
    get ended() {
      return state.ended;
    },
    credit: (events) => say({ case: "credit", value: { events } }),
    settle: (positions, outcome = Settle_Outcome.ACK, { delayMs, ...more } = {}) =>
      say({
        case: "settle",
        value: {
          module,
          positions: positions.map(BigInt),
          outcome,
          ...more,
          ...(delayMs !== undefined && { delay: { seconds: 0n, nanos: delayMs * 1e6 } }),
        },
      }),
    leave: () => say({ case: "leave", value: {} }),
    has: (count, limitMs = 10_000) =>
      eventually(
        () => given.length >= count,
        limitMs,
        () => `${count} events; there are ${given.length}`,
      ),
    async isOver(limitMs = 10_000) {
      await eventually(() => state.ended !== undefined, limitMs);
      return state.ended!;
    },
    finish() {
      over = true;
      spoke.resolve();
    },
    cut: () => cutting.abort(),
  };
}
