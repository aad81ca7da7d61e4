// A log in memory that is listened to as the conductor's is: frames of `Subscribe`, from cursors or from the beginning.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Cursor, CursorSchema, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import { reasonName } from "#shared/errors/reasons.ts";
import type { FollowOptions } from "#shared/highway/client/follow.ts";
import type { ResumeFields } from "#shared/highway/client/place.ts";
import { type Frame, frame } from "#tests/unit/highway-client/frames.ts";

export interface FakeLog {
  readonly memories: Map<string, Memory[]>;
  epoch: string;
  /** Where streams were asked to begin, one after another. */
  readonly asked: ResumeFields[];
  /** Positions of a module above a cursor's that are sent all the same: a stream that begins too high. */
  skipTo: number;
  /** Frames hold so many events. */
  batchMax: number;
  append(module: string, ...texts: readonly string[]): void;
  /** Says on all streams that a module fell behind. */
  fallBehind(module: string): void;
  /** The log was restored to a state with so many memories of a module; cursors of the epoch before are past the fork from then on. */
  restore(module: string, length: number): void;
  subscribe(modules: readonly string[] | undefined): FollowOptions["open"];
  /** Ends all streams with this error, and those that come while it is set. */
  refuse(error: Error | undefined): void;
  /** Sends a checkpoint with this token on all streams. */
  checkpoint(resumeToken: string): void;
}

export function refusal(code: Code, reason: ErrorReason): ConnectError {
  const details = [{ desc: ErrorInfoSchema, value: { reason: reasonName(reason), domain: "cos" } }];
  return new ConnectError("refused", code, undefined, details);
}

export function openFakeLog(): FakeLog {
  const memories = new Map<string, Memory[]>([["cc", []]]);
  const wakers = new Set<() => void>();
  let refused: Error | undefined;
  const tokens: string[] = [];
  const fallen: string[] = [];
  const wake = () => {
    for (const each of wakers) each();
  };
  const log: FakeLog = {
    memories,
    epoch: "e1",
    asked: [],
    skipTo: 0,
    batchMax: 10,
    append(module, ...texts) {
      const all = memories.get(module) ?? [];
      memories.set(module, all);
      for (const text of texts) {
        const position = BigInt(all.length + 1);
        const id = idOf(module, "memory", String(position));
        all.push(
          create(MemorySchema, {
            id,
            module,
            position,
            text,
            eventType: "note.written",
            sessionId: "s",
            source: "test",
          }),
        );
      }
      wake();
    },
    fallBehind(module) {
      fallen.push(module);
      wake();
    },
    restore(module, length) {
      log.epoch = `${log.epoch}x`;
      memories.get(module)?.splice(length);
    },
    refuse(error) {
      refused = error;
      wake();
    },
    checkpoint(resumeToken) {
      tokens.push(resumeToken);
      wake();
    },
    subscribe:
      (modules) =>
      (place, { signal }) =>
        stream(place, modules, signal),
  };
  const cursor = (module: string, position: number): Cursor =>
    create(CursorSchema, { module, position: BigInt(position), epoch: log.epoch });
  const headOf = (module: string) => memories.get(module)?.length ?? 0;
  const progress = (module: string, position: number) => ({
    cursor: cursor(module, position),
    after: BigInt(position),
    head: BigInt(headOf(module)),
    live: position === headOf(module),
  });
  const batch = (module: string, after: number): Frame => {
    const some = (memories.get(module) ?? []).slice(after, after + log.batchMax);
    const events = some.map((memory) => create(EventSchema, { body: { case: "memory", value: memory } }));
    return frame({
      case: "batch",
      value: { cursor: cursor(module, after + some.length), after: BigInt(after), events },
    });
  };

  async function* stream(
    place: ResumeFields,
    modules: readonly string[] | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Frame> {
    log.asked.push(place);
    if (refused !== undefined) throw refused;
    if (place.cursors.some(({ epoch }) => epoch !== log.epoch)) {
      throw refusal(Code.DataLoss, ErrorReason.CURSOR_PAST_FORK);
    }
    const wanted = () => [...memories.keys()].filter((module) => modules?.includes(module) ?? true);
    const at = new Map<string, number>();
    const startOf = (module: string) =>
      Math.max(log.skipTo, Number(place.cursors.find((each) => each.module === module)?.position ?? 0));
    for (const module of wanted()) at.set(module, startOf(module));
    const rows = [...at].map(([module, position]) => progress(module, position));
    yield frame({ case: "started", value: { subscriptionId: "s", epoch: log.epoch, progress: rows } });
    let told = tokens.length;
    let fell = fallen.length;
    let isCaughtUp = false;
    while (!signal.aborted) {
      if (refused !== undefined) throw refused;
      for (const module of wanted()) {
        if (!at.has(module)) {
          at.set(module, 0);
          yield frame({ case: "checkpoint", value: { progress: [progress(module, 0)] } });
        }
        for (let after = at.get(module) ?? 0; after < headOf(module); after = at.get(module) ?? 0) {
          const next = batch(module, after);
          at.set(module, after + (next.frame.case === "batch" ? next.frame.value.events.length : 0));
          yield next;
        }
      }
      if (!isCaughtUp) {
        isCaughtUp = true;
        const cursors = [...at].map(([module, position]) => cursor(module, position));
        yield frame({ case: "caughtUp", value: { cursors, all: true } });
      }
      while (fell < fallen.length) {
        const module = fallen[fell] as string;
        fell += 1;
        yield frame({ case: "fellBehind", value: { cursor: cursor(module, at.get(module) ?? 0), reason: 1 } });
      }
      while (told < tokens.length) {
        const resumeToken = tokens[told] as string;
        told += 1;
        yield frame({ case: "checkpoint", value: { progress: [...at].map(([m, p]) => progress(m, p)), resumeToken } });
      }
      if ([...at].every(([module, position]) => position >= headOf(module)) && refused === undefined) {
        await new Promise<void>((resolve) => {
          const done = () => {
            wakers.delete(done);
            signal.removeEventListener("abort", done);
            resolve();
          };
          wakers.add(done);
          signal.addEventListener("abort", done, { once: true });
          if (signal.aborted) done();
        });
      }
    }
  }
  return log;
}
