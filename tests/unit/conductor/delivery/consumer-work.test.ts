import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { Consumer_Key, ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import { ConsumerWork } from "#services/conductor/delivery/consumer-work.ts";
import type { Member } from "#services/conductor/delivery/member.ts";
import { acceptConsumer } from "#services/conductor/domain/accept-consumer.ts";
import type { Claimed, Take, Taken } from "#services/conductor/domain/deliveries.ts";
import { eventOf, memberOf } from "./given-events.ts";

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

interface Given {
  readonly heads?: Record<string, number>;
  readonly settings?: object;
  readonly answer?: (take: Take) => Partial<Taken> | Error;
  readonly claims?: (want: number) => Claimed[] | Error;
  /** A module whose log shows nothing. */
  readonly lagging?: string;
}

/** Work on a log of so many events a module, with a database that does as the test says. */
function openWork({ heads = { cc: 3 }, settings = {}, answer = () => ({}), claims = () => [], lagging }: Given = {}) {
  const takes: Take[] = [];
  const claimed: string[] = [];
  const changed: string[] = [];
  const stop = new AbortController();
  const work = new ConsumerWork(
    {
      name: "editor",
      store: {
        take: async (take) => {
          takes.push(take);
          const made = answer(take);
          if (made instanceof Error) throw made;
          const given = [...take.positions];
          return { outcome: "taken", given, readThrough: take.through, held: 0, unsettled: 0, ...made };
        },
        claim: async (_, generation, want) => {
          claimed.push(`${generation}:${want}`);
          const made = claims(want);
          if (made instanceof Error) throw made;
          return made;
        },
        eventsAt: async (places) => places.map(({ position }) => eventOf(position).message as Event),
      },
      tap: {
        headOf: (module) => heads[module] ?? 0,
        read: async ({ module, after, eventsMax }) => {
          const through = module === lagging ? after : Math.min(heads[module] ?? 0, after + eventsMax);
          const events = Array.from({ length: through - after }, (_, n) => eventOf(after + n + 1));
          return { events, through };
        },
      },
      modules: () => Object.keys(heads),
      inTurn: (statement) => statement(),
      onChanged: ({ name }) => changed.push(name),
      // Why it was lost is looked up first: meanwhile it is asked nothing more.
      onLost: (member) => void soon().then(() => member.end({ error: new Error("lost") })),
      signal: stop.signal,
    },
    {
      settings: acceptConsumer(create(ConsumerSchema, { name: "editor", key: Consumer_Key.NONE, ...settings })),
      version: "1",
      places: new Map(),
    },
  );
  return { work, takes, claimed, changed, stop };
}

function hungry(work: ConsumerWork, events: number, name = "ada"): Member {
  const member = memberOf({ name, generation: name, onHungry: () => work.kick() });
  work.members.add(member);
  member.credit(events);
  return member;
}

describe("W2: it works", () => {
  test("until no member takes more", async () => {
    const { work, takes } = openWork();
    const ada = hungry(work, 2);
    await soon();
    expect(takes.map(({ after, through }) => [after, through])).toEqual([[0, 2]]);
    expect(ada.want).toBe(0);
    ada.credit(5);
    await soon();
    expect(takes.at(-1)).toMatchObject({ after: 2, through: 3 });
  });

  test("until as much is held as may be, and on when something is settled", async () => {
    const { work, takes } = openWork({
      heads: { cc: 9 },
      settings: { maxInFlight: 2 },
      answer: () => ({ held: 2, unsettled: 2 }),
    });
    hungry(work, 100);
    await soon();
    expect(takes).toHaveLength(1);
    work.settled(1);
    await soon();
    expect(takes).toHaveLength(2);
    expect(takes[1]?.positions).toHaveLength(1);
  });

  test("not at all while it is paused, or the process stops", async () => {
    const paused = openWork({ settings: { paused: true } });
    hungry(paused.work, 5);
    const stopped = openWork();
    stopped.stop.abort();
    hungry(stopped.work, 5);
    await soon();
    expect([paused.takes, stopped.takes]).toEqual([[], []]);
  });

  test("in one module after the other, none forgotten", async () => {
    const { work, takes } = openWork({ heads: { a: 600, b: 1, c: 0 }, settings: { modules: ["a", "b", "c"] } });
    hungry(work, 1000);
    await soon();
    expect(takes.map(({ module, after, through }) => `${module} ${after}-${through}`)).toEqual([
      "a 0-500",
      "b 0-1",
      "a 500-600",
    ]);
  });

  test("in modules that were registered meanwhile, if it reads all", async () => {
    const heads: Record<string, number> = { a: 1 };
    const { work, takes } = openWork({ heads, settings: { allModules: true } });
    hungry(work, 10);
    await soon();
    heads.later = 2;
    expect(work.reads("later")).toBe(true);
    work.kick();
    await soon();
    expect(takes.map(({ module }) => module)).toEqual(["a", "later"]);
  });
});

describe("W1: the database decides", () => {
  test("somebody else has read on: it goes on from there", async () => {
    let asked = 0;
    const { work, takes } = openWork({
      heads: { cc: 9 },
      answer: () => (asked++ === 0 ? { outcome: "moved", given: [], readThrough: 7 } : {}),
    });
    hungry(work, 2);
    await soon();
    expect(takes.map(({ after }) => after)).toEqual([0, 7]);
  });

  test.each(["paused", "full"] as const)("it is %s: nothing more is asked until something changes", async (outcome) => {
    const { work, takes } = openWork({ answer: () => ({ outcome, given: [], readThrough: 0 }) });
    hungry(work, 2);
    await soon();
    expect(takes).toHaveLength(1);
    work.look();
    await soon();
    expect(takes).toHaveLength(2);
  });

  test("it was changed: it says so, and waits to be loaded anew", async () => {
    const { work, takes, changed } = openWork({
      answer: ({ version }) => (version === "1" ? { outcome: "changed", given: [] } : {}),
    });
    hungry(work, 2);
    await soon();
    expect([changed, takes.length]).toEqual([["editor"], 1]);
    work.reload({ settings: work.settings, version: "2", places: new Map([["cc", 1]]) });
    await soon();
    expect(takes[1]).toMatchObject({ version: "2", after: 1 });
    expect(work.version).toBe("2");
  });

  test("a membership has ended: its member ends, and the others go on", async () => {
    const { work, takes } = openWork({
      answer: ({ generation }) => (generation === "ada" ? { outcome: "lost", given: [] } : {}),
    });
    const ada = hungry(work, 9, "ada");
    hungry(work, 5, "bob");
    await soon();
    expect(ada.want).toBe(0);
    expect(takes.filter(({ generation }) => generation === "ada")).toHaveLength(1);
    expect(takes.at(-1)?.generation).toBe("bob");
  });
});

describe("it is stuck", () => {
  test("when as much is held as may be, as far as is known here, until somebody looks again", async () => {
    let held = 2;
    const { work, takes } = openWork({
      heads: { cc: 9 },
      settings: { maxInFlight: 2 },
      answer: () => ({ outcome: "moved", given: [], readThrough: takes.length, held, unsettled: held }),
    });
    hungry(work, 5);
    await soon();
    expect([work.isStuck, takes.length]).toEqual([true, 1]);
    work.kick();
    await soon();
    expect(takes).toHaveLength(1);
    held = 0;
    work.look();
    await soon();
    expect(takes.length).toBeGreaterThan(1);
  });

  test("when the log does not show yet what was heard of; other modules go on", async () => {
    const { work, takes } = openWork({ heads: { a: 2, b: 2 }, settings: { modules: ["a", "b"] }, lagging: "a" });
    hungry(work, 5);
    await soon();
    expect(takes.map(({ module }) => module)).toEqual(["b"]);
    expect(work.isStuck).toBe(true);
  });
});

describe("what waits", () => {
  test("is claimed before anything new is read, and with the try that it is", async () => {
    const waits = [{ module: "cc", position: 1, attempt: 3 }];
    const { work, claimed, takes } = openWork({ claims: () => waits.splice(0) });
    const ada = hungry(work, 4);
    await soon();
    expect(claimed).toEqual(["ada:4"]);
    expect(takes).toHaveLength(1);
    expect(ada.want).toBe(0);
  });

  test("is asked for once a change by each member; a settlement is one", async () => {
    const { work, claimed } = openWork({ heads: { cc: 1 }, answer: () => ({ given: [], held: 0, unsettled: 1 }) });
    hungry(work, 2, "ada");
    hungry(work, 2, "bob");
    await soon();
    const before = claimed.length;
    work.kick();
    await soon();
    expect(claimed).toHaveLength(before);
    work.settled(0);
    await soon();
    expect(claimed).toHaveLength(before + 2);
  });
});

describe("W3: what may have been given without our knowing", () => {
  test.each(["take", "claim"] as const)("a %s that failed ends its member, with the engine's error", async (which) => {
    const fault = new Error("no engine");
    const { work } = openWork(which === "take" ? { answer: () => fault } : { claims: () => fault });
    const ada = hungry(work, 2);
    await soon();
    expect(ada.want).toBe(0);
    expect(ada.lost).toBe(false);
  });
});

describe("W4: members share", () => {
  test("what there is, each its part", async () => {
    const { work, takes } = openWork({ heads: { cc: 10 } });
    work.members.add(memberOf());
    const members = ["ada", "bob"].map((name) => memberOf({ name, generation: name }));
    for (const member of members) {
      work.members.add(member);
      member.credit(100);
    }
    work.kick();
    await soon();
    expect(takes.map(({ generation, positions }) => `${generation} ${positions.length}`)).toEqual([
      "ada 5",
      "bob 3",
      "bob 1",
      "bob 1",
    ]);
  });

  test("but not a module whose events share one key, as long as who had it last takes more", async () => {
    const { work, takes } = openWork({ heads: { cc: 10 }, settings: { key: Consumer_Key.MODULE } });
    const [ada, bob] = ["ada", "bob"].map((name) => memberOf({ name, generation: name }));
    for (const member of [ada!, bob!]) work.members.add(member);
    ada!.credit(5);
    bob!.credit(100);
    work.kick();
    await soon();
    expect(new Set(takes.map(({ generation }) => generation))).toEqual(new Set(["bob"]));
  });
});
