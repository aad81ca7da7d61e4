import { clone, create, equals } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  ConductorService,
  type GetMemoryRequest,
  ListMemoriesOrder,
  type ListMemoriesRequest,
  ListMemoriesRequestSchema,
  type RecordMemoriesRequest,
  type RecordMemoriesResponse,
  RecordMemoriesResponseSchema,
  type RecordMemoryRequest,
  type RecordMemoryResponse,
  RecordMemoryResponseSchema,
  type RecordResult,
  RecordResultSchema,
  type SubscribeRequest,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  type ForgetMemoriesRequest,
  ForgetMemoriesRequestSchema,
  type ForgetMemoriesResponse,
  ForgetMemoriesResponseSchema,
} from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { OpenTransport } from "#services/cli/terminal.ts";
import { type BoundService, bindService } from "#shared/rpc/bind-service.ts";
import { FakeAuth } from "./fake-auth.ts";
import { FakeModules } from "./fake-modules.ts";
import { FakeScratch } from "./fake-scratch.ts";

/** How a fake may misbehave; each is asked once for each chance it has. */
export interface Mischief {
  /** Before each item of a bulk stream: whether the stream breaks there. */
  breaksBefore?: (index: number) => boolean;
  /** After an item is recorded and before it is answered. */
  breaksUnanswered?: (index: number) => boolean;
  /** What a bulk item is refused with. */
  faultOf?: (
    request: RecordMemoryRequest,
  ) => { code: Code; reason: string; message: string; field?: string } | undefined;
  /** Of a module: whether it breaks the rules for names. */
  refusesName?: (name: string) => boolean;
  /** Takes bulk items and never answers. */
  stalls?: () => void;
  /** Before (the frame of) a batch of forgetting: what the stream breaks with. */
  breaksForgetting?: (batch: number, when: "before" | "unanswered") => unknown;
  /** Ends a forgetting without its last frame. */
  endsForgetting?: () => boolean;
  /** Of every call, before anything else. */
  refuses?: () => ConnectError | undefined;
}

interface Call {
  readonly requestId: string;
  readonly signal: AbortSignal;
}

function callOf({ requestHeader, signal }: HandlerContext): Call {
  return { requestId: requestHeader.get("x-request-id") ?? "given-by-the-server", signal };
}

function microsecondsOf(instant: Timestamp | undefined): number {
  return Number(instant?.seconds) * 1_000_000 + (instant?.nanos ?? 0) / 1000;
}

function unimplemented(): never {
  throw new ConnectError("not in this fake", Code.Unimplemented);
}

/** A conductor in memory: it records, recognises keys, and hands out what a test has scripted for streams. */
export class FakeConductor {
  readonly memories = new Map<string, Memory[]>([["cc", []]]);
  readonly mischief: Mischief = {};
  readonly listRequests: ListMemoriesRequest[] = [];
  readonly subscribeRequests: SubscribeRequest[] = [];
  readonly bulkSizes: number[] = [];
  readonly forgetRequests: ForgetMemoriesRequest[] = [];
  /** Whether Redis is there to be cleared. */
  highwayCleared = true;
  readonly auth = new FakeAuth(() => this.#check());
  readonly scratch = new FakeScratch(() => this.#check());
  readonly modules = new FakeModules({
    memories: this.memories,
    check: () => this.#check(),
    checkName: (field, name) => this.#checkName(field, name),
  });
  /** One script a stream; when they are used up, streams end with UNAVAILABLE. */
  streams: ((request: SubscribeRequest, signal: AbortSignal) => AsyncIterable<SubscribeResponse["frame"]>)[] = [];
  /** Pages that `listMemories` answers with, instead of what was recorded. */
  pages: Memory[][] | undefined;
  readonly #keys = new Map<string, { request: Memory; recorded: Memory }>();

  /** A transport that ends in this process, without a socket. */
  transport(): OpenTransport {
    const { conductor } = this.#handlers();
    const transport = createRouterTransport((router) => {
      router.service(ConductorService, {
        recordMemory: (request, context) => conductor.recordMemory(request, callOf(context)),
        recordMemories: (requests, context) => conductor.recordMemories(requests, callOf(context)),
        getMemory: conductor.getMemory,
        listMemories: conductor.listMemories,
        subscribe: (request, context) => conductor.subscribe(request, callOf(context)),
        forgetMemories: conductor.forgetMemories,
      });
      router.service(ModuleService, this.modules.handlers);
      router.service(ScratchService, this.scratch.handlers);
      router.service(AuthService, this.auth.handlers);
    });
    return { ...transport, close: () => undefined };
  }

  /** The services, to be served over a socket. */
  services(): BoundService[] {
    const { conductor } = this.#handlers();
    return [
      bindService(ConductorService, { ...conductor, batchRecordMemories: unimplemented }),
      bindService(ModuleService, this.modules.handlers),
      bindService(ScratchService, this.scratch.handlers),
      bindService(AuthService, this.auth.handlers),
    ];
  }

  #handlers() {
    return {
      conductor: {
        recordMemory: async (request: RecordMemoryRequest, call: Call) => this.#record(request, call.requestId),
        recordMemories: (requests: AsyncIterable<RecordMemoriesRequest>, call: Call) =>
          this.#recordAll(requests, call.requestId),
        getMemory: async (request: GetMemoryRequest) => this.#get(request),
        listMemories: async (request: ListMemoriesRequest) => this.#list(request),
        subscribe: (request: SubscribeRequest, call: Call) => this.#subscribe(request, call.signal),
        forgetMemories: (request: ForgetMemoriesRequest) => this.#forget(request),
      },
    };
  }

  all(module: string): Memory[] {
    return this.memories.get(module) ?? [];
  }

  texts(module: string): string[] {
    return this.all(module).map(({ text }) => text);
  }

  #check(): void {
    const refusal = this.mischief.refuses?.();
    if (refusal !== undefined) throw refusal;
  }

  #checkName(field: string, name: string): void {
    if (this.mischief.refusesName?.(name)) throw new ConnectError(`${field}: no such name`, Code.InvalidArgument);
  }

  #record({ memory, idempotencyKey }: RecordMemoryRequest, requestId: string): RecordMemoryResponse {
    this.#check();
    const given = clone(MemorySchema, memory!);
    given.module ||= "cc";
    this.#checkName("memory.module", given.module);
    const known = this.#keys.get(`${given.module} ${idempotencyKey}`);
    if (idempotencyKey !== "" && known !== undefined) {
      if (!equals(MemorySchema, known.request, given)) {
        throw new ConnectError("the key was used for other content", Code.AlreadyExists);
      }
      return this.#answer(known.recorded, true);
    }
    const log = this.memories.get(given.module);
    if (log === undefined) throw new ConnectError(`there is no module ${given.module}`, Code.NotFound);
    const recorded = clone(MemorySchema, given);
    recorded.position = BigInt(log.length + 1);
    recorded.id = `00000000-0000-7000-8000-${String(log.length + 1).padStart(12, "0")}`;
    recorded.recordedAt = timestampFromMs(1_800_000_000_000 + log.length);
    recorded.requestId = requestId;
    log.push(recorded);
    this.#keys.set(`${given.module} ${idempotencyKey}`, { request: given, recorded });
    return this.#answer(recorded, false);
  }

  #answer(memory: Memory, deduplicated: boolean): RecordMemoryResponse {
    const cursor = { module: memory.module, position: memory.position, epoch: "e1" };
    return create(RecordMemoryResponseSchema, { memory, deduplicated, cursor });
  }

  async *#recordAll(
    messages: AsyncIterable<RecordMemoriesRequest>,
    requestId: string,
  ): AsyncGenerator<RecordMemoriesResponse> {
    this.#check();
    let index = 0;
    for await (const { requests } of messages) {
      this.bulkSizes.push(requests.length);
      if (this.mischief.stalls !== undefined) {
        this.mischief.stalls();
        await new Promise(() => undefined);
      }
      const firstIndex = BigInt(index);
      const results: RecordResult[] = [];
      for (const request of requests) {
        const broken = this.mischief.breaksBefore?.(index) ?? false;
        const result = broken ? undefined : this.#resultOf(request, requestId);
        if (broken || this.mischief.breaksUnanswered?.(index) === true) {
          if (results.length > 0) yield create(RecordMemoriesResponseSchema, { firstIndex, results });
          throw new ConnectError("the process went away", Code.Unavailable);
        }
        results.push(result!);
        index += 1;
      }
      yield create(RecordMemoriesResponseSchema, { firstIndex, results });
    }
  }

  #resultOf(request: RecordMemoryRequest, requestId: string): RecordResult {
    const fault = this.mischief.faultOf?.(request);
    if (fault !== undefined) return create(RecordResultSchema, { outcome: { case: "fault", value: fault } });
    try {
      return create(RecordResultSchema, { outcome: { case: "recorded", value: this.#record(request, requestId) } });
    } catch (error) {
      const { code, rawMessage: message } = ConnectError.from(error);
      return create(RecordResultSchema, { outcome: { case: "fault", value: { code, message, reason: Code[code] } } });
    }
  }

  #get({ id, module, position }: GetMemoryRequest) {
    this.#check();
    const all = [...this.memories.values()].flat();
    const memory = all.find((each) => each.id === id || (each.module === module && each.position === position));
    if (memory === undefined) throw new ConnectError("there is no such memory", Code.NotFound);
    return { memory };
  }

  #list(request: ListMemoriesRequest) {
    this.#check();
    this.listRequests.push(clone(ListMemoriesRequestSchema, request));
    const index = request.pageToken === "" ? 0 : Number(request.pageToken);
    if (this.pages !== undefined) {
      const more = index + 1 < this.pages.length;
      return { memories: this.pages[index]!, nextPageToken: more ? String(index + 1) : "" };
    }
    const { filter } = request;
    const matches = (wanted: readonly string[] | undefined, value: string): boolean =>
      wanted === undefined || wanted.length === 0 || wanted.includes(value);
    const all = this.all(request.module || "cc").filter(
      ({ eventType, source, sessionId }) =>
        matches(filter?.sources, source) &&
        matches(filter?.sessionIds, sessionId) &&
        (filter?.eventTypes.includes("diary.*") || matches(filter?.eventTypes, eventType)),
    );
    const until = filter?.recorded?.until;
    const fitting = all.filter(
      ({ recordedAt }) => until === undefined || microsecondsOf(recordedAt) < microsecondsOf(until),
    );
    if (request.order === ListMemoriesOrder.RECORDED_DESCENDING) fitting.reverse();
    const end = index + (request.pageSize || 50);
    return { memories: fitting.slice(index, end), nextPageToken: end < fitting.length ? String(end) : "" };
  }

  /** Forgets two memories a frame; the ids that it tells of go into an event. */
  async *#forget(request: ForgetMemoriesRequest): AsyncGenerator<ForgetMemoriesResponse> {
    this.#check();
    this.forgetRequests.push(clone(ForgetMemoriesRequestSchema, request));
    const module = request.module || "cc";
    const { selected, missing } = this.#selected(module, request.selector);
    const left = selected.filter(({ forgottenAt }) => forgottenAt === undefined);
    const counts = { found: left.length, alreadyForgotten: selected.length - left.length, missing };
    const frame = (forgotten: number, done = false): ForgetMemoriesResponse =>
      create(ForgetMemoriesResponseSchema, {
        found: BigInt(counts.found),
        alreadyForgotten: BigInt(counts.alreadyForgotten),
        missing: BigInt(missing),
        forgotten: BigInt(forgotten),
        done,
        highwayCleared: done && this.highwayCleared,
      });
    if (!request.dryRun) {
      for (let start = 0; start < left.length; start += 2) {
        this.#break("before");
        this.#empty(module, left.slice(start, start + 2));
        this.#break("unanswered");
        this.#batch += 1;
        yield frame(Math.min(start + 2, left.length));
      }
      if (this.mischief.endsForgetting?.() === true) return;
    }
    yield frame(request.dryRun ? 0 : left.length, true);
  }

  #batch = 0;

  #break(when: "before" | "unanswered"): void {
    const cause = this.mischief.breaksForgetting?.(this.#batch, when);
    if (cause === undefined || cause === false) return;
    this.#batch += 1;
    throw cause instanceof ConnectError ? cause : new ConnectError("the process went away", Code.Unavailable);
  }

  #selected(module: string, selector: ForgetMemoriesRequest["selector"]): { selected: Memory[]; missing: number } {
    const all = this.all(module).filter(({ eventType }) => !eventType.startsWith("cos."));
    const where = (holds: (memory: Memory) => boolean) => ({ selected: all.filter(holds), missing: 0 });
    if (selector.case === "sessionId") return where(({ sessionId }) => sessionId === selector.value);
    if (selector.case === "source") return where(({ source }) => source === selector.value);
    if (selector.case !== "ids") return where(() => true);
    const { ids } = selector.value;
    const selected = all.filter(({ id }) => ids.includes(id));
    return { selected, missing: ids.length - selected.length };
  }

  #empty(module: string, memories: readonly Memory[]): void {
    for (const memory of memories) {
      Object.assign(memory, { text: "", source: "", sessionId: "", forgottenAt: timestampFromMs(1_800_000_001_000) });
    }
    const log = this.all(module);
    const [ids, positions] = [memories.map(({ id }) => id), memories.map(({ position }) => String(position))];
    const payload = { ids, positions };
    const event = { module, eventType: "cos.memory.forgotten", position: BigInt(log.length + 1), payload };
    log.push(create(MemorySchema, { ...event, recordedAt: timestampFromMs(1_800_000_001_000) }));
  }

  async *#subscribe(request: SubscribeRequest, signal: AbortSignal): AsyncGenerator<SubscribeResponse> {
    this.#check();
    this.subscribeRequests.push(request);
    const script = this.streams.shift();
    if (script === undefined) throw new ConnectError("connect ECONNREFUSED", Code.Unavailable);
    for await (const frame of script(request, signal)) yield create(SubscribeResponseSchema, { frame });
  }
}
