import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { CursorFaults } from "#gen/cos/highway/v1/highway_pb.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { EpochHistory, EpochRecord } from "#shared/highway/log-port.ts";
import { resolveStart, type StartContext } from "#shared/highway/resolve-start.ts";
import { packPlaces, type ResumePlaces } from "#shared/highway/resume-places.ts";
import { decodeResumeToken, encodeResumeToken } from "#shared/highway/resume-token.ts";
import { someTokenKey } from "./some-token-key.ts";

type RequestInit = Parameters<typeof create<typeof SubscribeRequestSchema>>[1];

const heads = [
  { module: "cc", number: 1, position: 10, forgetting: 0 },
  { module: "pepys", number: 2, position: 20, forgetting: 0 },
  { module: "late", number: 5, position: 3, forgetting: 0 },
];
const record = (generation: number, identity: string, forks: Record<string, number>): EpochRecord => ({
  generation,
  identity,
  forks: new Map(Object.entries(forks)),
  tokenKey: someTokenKey(),
});
const three = [record(1, "e1", {}), record(2, "e2", { cc: 8, pepys: 15 }), record(3, "e3", { cc: 9, pepys: 12 })];
const epochs: EpochHistory = { current: three[2] as EpochRecord, past: three };
const context: StartContext = { heads, epochs, scope: localScope(), positionAt: async () => 7 };

/** A token of one of the epochs. */
const tokenOf = (identity: string, places: ResumePlaces): string =>
  encodeResumeToken(three.find((epoch) => epoch.identity === identity) ?? record(9, identity, {}), packPlaces(places));

/** Where each module starts, as `module position`. */
async function start(init: RequestInit, over: Partial<StartContext> = {}): Promise<string[]> {
  const places = await resolveStart(create(SubscribeRequestSchema, init), { ...context, ...over });
  return places.map(({ module, position }) => `${module} ${position}`);
}

async function refusal(init: RequestInit, over: Partial<StartContext> = {}): Promise<CosError> {
  const error = await start(init, over).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CosError);
  return error as CosError;
}

function faultsOf(error: CosError): CursorFaults {
  return error.details[0]?.value as CursorFaults;
}

describe("where a stream starts", () => {
  test("at the end, in module cc, if nothing is said", async () => {
    expect(await start({})).toEqual(["cc 10"]);
    expect(await start({ modules: ["pepys", "cc", ""] })).toEqual(["cc 10", "pepys 20"]);
  });

  test.each<[string, RequestInit, string[]]>([
    ["from_beginning", { start: { case: "fromBeginning", value: true } }, ["cc 0"]],
    ["from_beginning false is unset", { start: { case: "fromBeginning", value: false } }, ["cc 10"]],
    ["from_position", { start: { case: "fromPosition", value: 4n } }, ["cc 4"]],
    ["from_time, found in the log", { start: { case: "fromTime", value: timestampFromMs(0) } }, ["cc 7"]],
    [
      "from_time, never above the head that was checked",
      { modules: ["late"], start: { case: "fromTime", value: timestampFromMs(0) } },
      ["late 3"],
    ],
  ])("%s", async (_what, init, expected) => {
    expect(await start(init)).toEqual(expected);
  });

  test("all modules are those that the caller may see", async () => {
    expect(await start({ allModules: true })).toEqual(["cc 10", "pepys 20", "late 3"]);
    expect(await start({ allModules: true }, { scope: scopeOf(["pepys"]) })).toEqual(["pepys 20"]);
  });

  test("a cursor goes before the token, the token before start", async () => {
    const resumeToken = tokenOf("e3", {
      known: 2,
      places: [
        { number: 1, position: 5 },
        { number: 2, position: 6 },
      ],
    });
    const cursors = [{ module: "pepys", position: 9n, epoch: "e3" }];
    expect(await start({ allModules: true, resumeToken, cursors })).toEqual(["cc 5", "pepys 9", "late 0"]);
  });

  test("what was registered after the token starts at its beginning, what was granted since at start", async () => {
    const resumeToken = tokenOf("e3", { known: 2, places: [{ number: 1, position: 5 }] });
    expect(await start({ allModules: true, resumeToken })).toEqual(["cc 5", "pepys 20", "late 0"]);
  });

  test("of a token of an older epoch, only what stood at the fork was known", async () => {
    const resumeToken = tokenOf("e1", { known: 9, places: [{ number: 1, position: 5 }] });
    expect(await start({ allModules: true, resumeToken })).toEqual(["cc 5", "pepys 20", "late 0"]);
  });

  test("H3: a cursor without an epoch is held against the present one, the head included", async () => {
    expect(await start({ cursors: [{ position: 10n }] })).toEqual(["cc 10"]);
    expect((await refusal({ cursors: [{ position: 11n }] })).reason).toBe(ErrorReason.CURSOR_ABOVE_HEAD);
  });

  test("H3: a cursor of an older epoch is good up to the lowest fork since, and DATA_LOSS above it", async () => {
    expect(await start({ modules: ["pepys"], cursors: [{ module: "pepys", position: 12n, epoch: "e1" }] })).toEqual([
      "pepys 12",
    ]);
    expect(await start({ cursors: [{ position: 8n, epoch: "e1" }] })).toEqual(["cc 8"]);
    expect(await start({ cursors: [{ position: 9n, epoch: "e2" }] })).toEqual(["cc 9"]);
    const error = await refusal({ cursors: [{ position: 9n, epoch: "e1" }] });
    expect(error.code).toBe(Code.DataLoss);
    expect(faultsOf(error).faults).toMatchObject([
      { given: { position: 9n, epoch: "e1" }, resumeAt: { module: "cc", position: 8n, epoch: "e3" }, head: 10n },
    ]);
  });

  test("H3: a cursor of an epoch that the log does not know is DATA_LOSS, to be resumed from the beginning", async () => {
    const error = await refusal({ cursors: [{ position: 1n, epoch: "foreign" }] });
    expect(error.code).toBe(Code.DataLoss);
    expect(faultsOf(error).faults).toMatchObject([{ resumeAt: { position: 0n, epoch: "e3" } }]);
    expect(await start({ cursors: [{ position: 0n, epoch: "foreign" }] })).toEqual(["cc 0"]);
  });

  test("a refusal names the faults and gives a token with which the same request goes on", async () => {
    const cursors = [
      { module: "cc", position: 11n, epoch: "e3" },
      { module: "pepys", position: 19n, epoch: "e3" },
      { module: "late", position: 99n },
    ];
    const error = await refusal({ allModules: true, cursors });
    expect(error.code).toBe(Code.OutOfRange);
    const { faults, resumeToken } = faultsOf(error);
    expect(faults.map(({ given }) => given?.module)).toEqual(["cc", "late"]);
    expect(error.message).toBe(
      "the cursor of module 'cc' at 11 is above the module's head, 10; go on from 10 (and 1 more)",
    );
    expect(await start({ allModules: true, resumeToken })).toEqual(["cc 10", "pepys 19", "late 3"]);
  });

  test("a refusal of very many places names 16, the past forks first, and its token sets all of them right", async () => {
    const many = Array.from({ length: 600 }, (_, index) => ({
      module: `m${index}`,
      number: index + 1,
      position: 50,
      forgetting: 0,
    }));
    const cursors = many.map(({ module }, index) => ({ module, position: 90n, epoch: index < 590 ? "e3" : "e1" }));
    const error = await refusal({ allModules: true, cursors }, { heads: many });
    const { faults, resumeToken } = faultsOf(error);
    expect(error.reason).toBe(ErrorReason.CURSOR_PAST_FORK);
    expect(faults.map(({ given }) => given?.module)).toEqual(
      [...many.slice(590), ...many.slice(0, 6)].map(({ module }) => module),
    );
    expect(error.message).toContain("module 'm590' at 90 saw a history that the log has lost");
    expect(error.message).toContain("(and 599 more)");
    const resumed = await start({ allModules: true, resumeToken }, { heads: many });
    expect(resumed).toEqual(many.map(({ module }, index) => `${module} ${index < 590 ? 50 : 0}`));
  });

  test("a place above the head is refused wherever it came from", async () => {
    expect((await refusal({ start: { case: "fromPosition", value: 11n } })).reason).toBe(ErrorReason.CURSOR_ABOVE_HEAD);
    const resumeToken = tokenOf("e1", { known: 1, places: [{ number: 1, position: 9 }] });
    const error = await refusal({ resumeToken });
    expect(error.reason).toBe(ErrorReason.CURSOR_PAST_FORK);
    expect(error.message).toContain("undo what you took above 8");
  });

  test.each<[string, RequestInit, string]>([
    ["two of one module", { cursors: [{ position: 1n }, { module: "cc", position: 2n }] }, "cursors[1].module"],
    [
      "one of a module that is not in the request",
      { modules: ["cc"], cursors: [{ module: "pepys", position: 1n }] },
      "cursors[0].module",
    ],
  ])("cursors are refused: %s", async (_what, init, field) => {
    const error = await refusal(init);
    expect(error.reason).toBe(ErrorReason.INVALID_FIELD);
    expect(error.fields).toMatchObject([{ field }]);
  });

  test("a module that is not there, or not for this caller, is not found", async () => {
    const over = { scope: scopeOf(["cc"]) };
    for (const init of [{ modules: ["nope"] }, { allModules: true, cursors: [{ module: "nope", position: 1n }] }]) {
      expect((await refusal(init)).reason).toBe(ErrorReason.MODULE_NOT_FOUND);
    }
    expect(await refusal({ modules: ["pepys"] }, over)).toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
      resource: { type: "module", name: "pepys" },
    });
  });

  test("a token that is garbage, or of an epoch that the log does not know, is refused", async () => {
    for (const resumeToken of ["garbage", tokenOf("foreign", { known: 1, places: [] })]) {
      expect((await refusal({ resumeToken })).reason).toBe(ErrorReason.RESUME_TOKEN_INVALID);
    }
  });

  test("H3: no place lies beyond what the histories share, whatever is asked for", async () => {
    const asked = fc.record({
      position: fc.bigInt({ min: 0n, max: 25n }),
      epoch: fc.constantFrom("", "e1", "e2", "e3", "foreign"),
    });
    await fc.assert(
      fc.asyncProperty(asked, asked, async (cc, pepys) => {
        const cursors = [
          { module: "cc", ...cc },
          { module: "pepys", ...pepys },
        ];
        const limits = { "": [10, 20], e1: [8, 12], e2: [9, 12], e3: [10, 20], foreign: [0, 0] } as Record<
          string,
          number[]
        >;
        const good =
          Number(cc.position) <= (limits[cc.epoch]?.[0] ?? -1) &&
          Number(pepys.position) <= (limits[pepys.epoch]?.[1] ?? -1);
        const request = { modules: ["cc", "pepys"], cursors };
        if (good) {
          expect(await start(request)).toEqual([`cc ${cc.position}`, `pepys ${pepys.position}`]);
        } else {
          const token = faultsOf(await refusal(request)).resumeToken;
          expect(decodeResumeToken(token, three)?.epoch).toBe("e3");
          await start({ modules: ["cc", "pepys"], resumeToken: token });
        }
      }),
    );
  });
});
