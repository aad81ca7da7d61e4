import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { Consumer_Key, ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import { acceptConsumer, isSameConsumer } from "#services/conductor/domain/accept-consumer.ts";
import { changeConsumer } from "#services/conductor/domain/change-consumer.ts";
import { keyOfEvent } from "#services/conductor/domain/key-of-event.ts";
import type { CosError } from "#shared/errors/cos-error.ts";

type Init = Omit<MessageInitShape<typeof ConsumerSchema>, "$typeName">;

const consumer = (more: Init = {}) => create(ConsumerSchema, { name: "editor", ...more });
const accept = (more: Init = {}) => acceptConsumer(consumer(more));

function fieldAtFault(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as CosError).fields[0]?.field;
  }
}

describe("a consumer is accepted", () => {
  test("with every default said", () => {
    expect(accept()).toEqual({
      name: "editor",
      modules: ["cc"],
      allModules: false,
      filter: undefined,
      key: Consumer_Key.MODULE,
      leaseMs: 30_000,
      maxAttempts: 5,
      maxInFlight: 1000,
      ackDeadlineMs: undefined,
      backoffInitialMs: 1000,
      backoffMaxMs: 300_000,
      description: "",
      paused: false,
    });
  });

  test("with whole milliseconds, rounded up", () => {
    expect(accept({ backoffInitial: { nanos: 10_000_001 }, ackDeadline: { seconds: 2n } })).toMatchObject({
      backoffInitialMs: 11,
      ackDeadlineMs: 2000,
    });
  });

  test("of all modules, and then of none in particular", () => {
    expect(accept({ allModules: true })).toMatchObject({ modules: [], allModules: true });
  });

  test("a filter that wants everything is none", () => {
    expect(accept({ filter: {} }).filter).toBeUndefined();
    expect(accept({ filter: { occurred: {} } }).filter).toBeUndefined();
    expect(accept({ filter: { recorded: { since: { seconds: 1n } } } }).filter).toBeDefined();
    expect(accept({ filter: { tags: ["x"] } }).filter).toBeDefined();
  });

  test.each<[string, Init, string]>([
    ["without a name", { name: "" }, "consumer.name"],
    ["with modules, and all of them", { modules: ["cc"], allModules: true }, "consumer.modules"],
    ["with a filter that could not be kept", { filter: { sources: ["ok", "\ud800"] } }, "consumer.filter.sources[1]"],
    ["with a description that could not be kept", { description: "\udfff" }, "consumer.description"],
  ])("%s: it is not", (_, more, field) => {
    expect(fieldAtFault(() => accept(more))).toBe(field);
  });
});

describe("created again, it is the same", () => {
  test("whatever the order of its modules, and whether its defaults were said", () => {
    expect(isSameConsumer(accept({ modules: ["b", "a"] }), accept({ modules: ["a", "b"], maxAttempts: 5 }))).toBe(true);
  });

  test.each<[string, Init, Init]>([
    ["modules", { modules: ["a"] }, { modules: ["b"] }],
    ["a filter", { filter: { tags: ["a"] } }, { filter: { tags: ["b"] } }],
    ["no filter", { filter: { tags: ["a"] } }, {}],
    ["a lease", {}, { lease: { seconds: 1n } }],
  ])("not with other %s", (_, left, right) => {
    expect(isSameConsumer(accept(left), accept(right))).toBe(false);
  });
});

describe("a change", () => {
  const old = consumer({ description: "old", maxAttempts: 3, modules: ["a"] });

  test("takes what the mask names, and nothing else; what is named and unset goes back to its default", () => {
    const changed = changeConsumer(old, consumer({ description: "new", modules: ["b"] }), [
      "description",
      "max_attempts",
    ]);
    expect(changed).toMatchObject({ description: "new", maxAttempts: 0, modules: ["a"] });
  });

  test.each(["modules", "name", "key", "revision", "toString", ""])("of `%s` is refused", (path) => {
    expect(fieldAtFault(() => changeConsumer(old, consumer(), [path]))).toBe("update_mask");
  });

  test("of nothing is refused", () => {
    expect(fieldAtFault(() => changeConsumer(old, consumer(), []))).toBe("update_mask");
  });
});

describe("what an event keeps its order with", () => {
  const event = { sessionId: "s", source: "ada" };

  test("its session or source, if it has one; else nothing", () => {
    expect(keyOfEvent(Consumer_Key.SESSION, event)).toBe(keyOfEvent(Consumer_Key.SESSION, { ...event, source: "bob" }));
    expect(keyOfEvent(Consumer_Key.SESSION, event)).not.toBe(
      keyOfEvent(Consumer_Key.SESSION, { ...event, sessionId: "t" }),
    );
    expect(keyOfEvent(Consumer_Key.SOURCE, event)).not.toBe(
      keyOfEvent(Consumer_Key.SOURCE, { ...event, source: "bob" }),
    );
    expect(keyOfEvent(Consumer_Key.SESSION, { ...event, sessionId: "" })).toBeNull();
    expect(keyOfEvent(Consumer_Key.SOURCE, { ...event, source: "" })).toBeNull();
  });

  test("its module whole, or nothing at all", () => {
    expect(keyOfEvent(Consumer_Key.MODULE, event)).toBe(0n);
    expect(keyOfEvent(Consumer_Key.UNSPECIFIED, event)).toBe(0n);
    expect(keyOfEvent(Consumer_Key.NONE, event)).toBeNull();
  });
});
