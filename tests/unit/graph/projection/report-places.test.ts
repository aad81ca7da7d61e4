import { afterEach, describe, expect, test } from "@jest/globals";
import { ProjectionState, type ReportProjectionsRequest } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import type { FaultRow, GenerationRow, Place } from "#services/graph/domain/graph-rows.ts";
import { PlaceReporter, type ReportNeeds } from "#services/graph/projection/report-places.ts";
import { openLog } from "#shared/log/open-log.ts";

/** A graph store and a conductor, as a reporter sees them. */
function world() {
  const lines: string[] = [];
  const state = {
    live: { number: 1, beganMs: 5 } as GenerationRow | undefined,
    places: new Map<string, number>(),
    parked: [] as FaultRow[],
    connected: true,
    engineAway: false,
    refuses: false,
    onFaults: (): void => undefined,
  };
  const asked: string[] = [];
  const reports: ReportProjectionsRequest[] = [];
  const waiting: (() => void)[] = [];
  const answered = <T>(value: T): Promise<T> =>
    state.engineAway ? Promise.reject(new Error("the engine is away")) : Promise.resolve(value);
  const needs: ReportNeeds = {
    store: {
      live: () => answered(state.live),
      livePlaces: () =>
        answered([...state.places].map(([module, position]): Place => ({ module, position, epoch: "e", atMs: 0 }))),
      faults: async (_, { module }) => {
        asked.push(module);
        state.onFaults();
        const faults = state.parked.filter((fault) => fault.module === module);
        return { faults, total: faults.length };
      },
    },
    isConnected: () => state.connected,
    report: async (request) => {
      reports.push(request);
      for (const wake of waiting.splice(0)) wake();
      if (state.refuses) throw new Error("refused");
    },
    log: openLog({ service: "test", level: "info", to: { write: (line: string) => void lines.push(line) } }),
    times: { everyMs: 1, askedMax: 2 },
  };
  const next = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  return { state, needs, reports, asked, lines, next };
}

const open: PlaceReporter[] = [];
afterEach(async () => {
  for (const reporter of open.splice(0)) await reporter.close();
});

function start({ needs }: ReturnType<typeof world>): PlaceReporter {
  const reporter = new PlaceReporter(needs);
  open.push(reporter);
  reporter.open();
  return reporter;
}

const told = ({ places }: ReportProjectionsRequest) => places.map(({ module, position }) => `${module}/${position}`);

/** The next report that satisfies, within many. */
async function until(given: ReturnType<typeof world>, holds: (report: ReportProjectionsRequest) => boolean) {
  for (let n = 0; n < 500; n += 1) {
    await given.next();
    const report = given.reports.at(-1)!;
    if (holds(report)) return report;
  }
  throw new Error("no such report came");
}

describe("the reporter of places", () => {
  test("P1: tells what moved, once, and then that the graph is there", async () => {
    const given = world();
    given.state.places.set("cc", 3);
    start(given);
    await given.next();
    expect(given.reports[0]).toMatchObject({
      projection: "graph",
      generation: "1 of 5",
      state: ProjectionState.FOLLOWING,
    });
    expect(told(given.reports[0]!)).toEqual(["cc/3"]);
    await given.next();
    expect(told(given.reports[1]!)).toEqual([]);
    given.state.places.set("cc", 4);
    expect(told(await until(given, ({ places }) => places.length > 0))).toEqual(["cc/4"]);
    given.state.connected = false;
    await until(given, ({ state }) => state === ProjectionState.STALLED);
  });

  test("P2: a generation that changes while it is looked at is not told of; of the new one everything is", async () => {
    const given = world();
    given.state.places.set("cc", 3);
    let looks = 0;
    given.state.onFaults = () => {
      looks += 1;
      if (looks === 1) given.state.live = { number: 2, beganMs: 9 } as GenerationRow;
    };
    start(given);
    const report = await until(given, ({ places }) => places.length > 0);
    expect(report.generation).toBe("2 of 9");
    expect(given.reports.filter(({ generation }) => generation.startsWith("1 ")).flatMap(told)).toEqual([]);
    given.state.live = { number: 1, beganMs: 20 } as GenerationRow;
    given.state.places.set("cc", 1);
    const wiped = await until(given, ({ generation }) => generation === "1 of 20");
    expect(told(wiped)).toEqual(["cc/1"]);
  });

  test("P3: what was passed over is told with the places, and again when more is, and no place before it was asked about", async () => {
    const given = world();
    const fault = {
      module: "b",
      position: 2,
      memoryId: "m",
      kind: "parked",
      error: "Error",
      attempts: 5,
      atMs: 0,
    } as const;
    for (const module of ["a", "b", "c", "d", "e"]) given.state.places.set(module, 2);
    given.state.parked.push(fault);
    const reporter = start(given);
    await until(given, ({ places }) => places.some(({ module }) => module === "e"));
    const withPlaces = given.reports.filter(({ places }) => places.length > 0);
    expect(withPlaces.map(told)).toEqual([["a/2", "b/2"], ["c/2", "d/2"], ["e/2"]]);
    expect(withPlaces[0]!.parked).toMatchObject([{ module: "b", position: 2n, error: "Error" }]);
    given.state.parked.push({ ...fault, module: "e", position: 1 });
    reporter.parked("e");
    const more = await until(given, ({ parked }) => parked.length > 0);
    expect(more).toMatchObject({ places: [], parked: [{ module: "e", position: 1n }] });
  });

  test("P4: after a report that failed everything is told again, and the failure is said once", async () => {
    const given = world();
    given.state.places.set("cc", 3);
    given.state.refuses = true;
    start(given);
    for (let n = 0; n < 3; n += 1) await given.next();
    given.state.refuses = false;
    await until(given, () => true);
    await until(given, () => true);
    expect(given.reports.slice(0, 3).map(told)).toEqual([["cc/3"], ["cc/3"], ["cc/3"]]);
    expect(given.lines.filter((line) => line.includes("cannot be told"))).toHaveLength(1);
    await until(given, ({ places }) => places.length === 0);
    expect(given.lines.some((line) => line.includes("hears again"))).toBe(true);
  });

  test("with the engine away it is told to be stalled, without a place; before anything was built nothing is told", async () => {
    const given = world();
    given.state.live = undefined;
    const reporter = start(given);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(given.reports).toEqual([]);
    given.state.live = { number: 1, beganMs: 5 } as GenerationRow;
    await given.next();
    given.state.engineAway = true;
    const stalled = await until(given, ({ state }) => state === ProjectionState.STALLED);
    expect(stalled).toMatchObject({ generation: "1 of 5", places: [], parked: [] });
    await reporter.close();
    const count = given.reports.length;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(given.reports).toHaveLength(count);
  });
});
