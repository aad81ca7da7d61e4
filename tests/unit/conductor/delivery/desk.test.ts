import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import { JoinSchema, SettleSchema } from "#gen/cos/highway/v1/consuming_pb.ts";
import { Desk, type DeskOptions } from "#services/conductor/delivery/desk.ts";
import type { Member } from "#services/conductor/delivery/member.ts";
import { acceptConsumer } from "#services/conductor/domain/accept-consumer.ts";
import type { Attention, Deliveries, LoadedConsumer } from "#services/conductor/domain/deliveries.ts";
import type { Access } from "#shared/auth/access.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { reasonName } from "#shared/errors/reasons.ts";
import type { Tap } from "#shared/highway/tap.ts";
import { accessTo } from "./given-events.ts";

const desks: Desk[] = [];
afterEach(() => Promise.all(desks.splice(0).map((desk) => desk.close())));

const soon = (ms = 25): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A desk before a database that does as the test says. */
function openDesk(store: Partial<Deliveries> = {}, options: Partial<DeskOptions> = {}, consumer: object = {}) {
  const told: string[] = [];
  const watched = new Set<string>();
  let moved: (module: string) => void = () => undefined;
  let generation = 0;
  const loaded: LoadedConsumer = {
    settings: acceptConsumer(create(ConsumerSchema, { name: "editor", modules: ["cc"], ...consumer })),
    version: "1",
    places: new Map(),
  };
  const deliveries: Deliveries = {
    load: async () => loaded,
    join: async (_, name) => {
      generation += 1;
      told.push(`join ${name}`);
      return { generation: String(generation), leaseMs: 20 };
    },
    leave: async (_, which, lost) => void told.push(`leave ${which}${lost ? ", lost" : ""}`),
    renew: async (members) => new Set(members.map((member) => member.generation)),
    take: async ({ through, positions }) => ({
      outcome: "taken",
      given: [...positions],
      readThrough: through,
      held: 0,
      unsettled: 0,
    }),
    claim: async () => [],
    settle: async () => [],
    attention: async () => [],
    heldBy: async () => new Map(),
    whyLost: async () => "lost",
    expire: async (name) => {
      told.push(`expire ${name}`);
      return [];
    },
    eventsAt: async () => [],
    ...store,
  };
  const tap = {
    watch: (module: string) => watched.add(module),
    unwatch: (module: string) => watched.delete(module),
    headOf: () => 0,
    close: () => void told.push("tap closed"),
  } as unknown as Tap;
  const desk = new Desk({
    store: deliveries,
    highway: {
      openTap: (onMoved) => {
        moved = onMoved;
        return tap;
      },
      modules: () => ["cc", "drafts"],
      degraded: () => false,
    },
    notFound: (name) => new Error(`no consumer ${name}`),
    log: pino({ level: "silent" }),
    tickMs: 5,
    ...options,
  });
  desks.push(desk);
  const join = (name = "ada", access: Access = accessTo(), limit?: number) =>
    desk.join(
      create(JoinSchema, { consumer: "editor", member: name }),
      { access, scope: access.scope, signal: new AbortController().signal },
      limit,
    );
  return { desk, join, told, watched, moved: (module: string) => moved(module) };
}

/** Why the member ended; undefined: it has not. */
async function endOf(member: Member): Promise<string> {
  try {
    for await (const _ of member.frames(new AbortController().signal));
    return "in peace";
  } catch (error) {
    return "reason" in (error as object) ? reasonName((error as CosError).reason) : (error as Error).message;
  }
}

describe("joining", () => {
  test("makes a member of the name given, or of one made here; the modules are watched while there is one", async () => {
    const { desk, join, told, watched } = openDesk();
    const [ada, other] = [await join("ada"), await join("")];
    expect(ada.name).toBe("ada");
    expect(other.name).toMatch(/^[0-9a-f-]{36}$/);
    expect(watched).toEqual(new Set(["cc"]));
    await desk.leave(ada);
    expect(watched.size).toBe(1);
    await desk.leave(other);
    expect(watched.size).toBe(0);
    expect(told.slice(-2)).toEqual(["leave 1, lost", "leave 2, lost"]);
  });

  test("is for those who may read all that the consumer reads; others are told that there is none", async () => {
    const { join } = openDesk({}, {}, { modules: ["cc", "drafts"] });
    await expect(join("ada", accessTo(["cc"]))).rejects.toThrow("no consumer editor");
    await join("ada", accessTo(["cc", "drafts"]));
    const all = openDesk({}, {}, { modules: [], allModules: true });
    await expect(all.join("ada", accessTo(["cc", "drafts"]))).rejects.toThrow("no consumer editor");
  });

  test("a consumer that is gone before the member is in, is told of as gone", async () => {
    const { join } = openDesk({ join: async () => undefined });
    await expect(join()).rejects.toThrow("no consumer editor");
    const gone = openDesk({ load: async () => undefined });
    await expect(gone.join()).rejects.toThrow("no consumer editor");
  });

  test("a module that is registered meanwhile is watched for a consumer of all", async () => {
    const { join, watched, moved } = openDesk({}, {}, { modules: [], allModules: true });
    await join();
    expect(watched).toEqual(new Set(["cc", "drafts"]));
    moved("later");
    expect(watched).toContain("later");
  });

  test("a second one of the name ends the first here at once", async () => {
    const { join } = openDesk();
    const first = await join();
    await join();
    expect(await endOf(first)).toBe("MEMBER_REPLACED");
  });
});

test("D1: leases are renewed for who has spoken; a membership that is none any more ends", async () => {
  const renewed: number[] = [];
  const { join } = openDesk({
    renew: async (members) => {
      renewed.push(members.length);
      return new Set();
    },
  });
  const [ada, bob] = [await join("ada"), await join("bob")];
  await soon();
  expect(renewed).toEqual([]);
  ada.heard();
  await soon();
  expect(renewed).toEqual([1]);
  expect(await endOf(ada)).toBe("MEMBERSHIP_LOST");
  expect(bob.lost).toBe(true);
});

describe("D2: looking after consumers", () => {
  test("what ran out is ended, what was changed is read again, what waits is handed out", async () => {
    let asked: Attention[] = [{ consumer: "editor", changed: true, late: true, waits: true }];
    let loads = 0;
    const loaded = {
      settings: acceptConsumer(create(ConsumerSchema, { name: "editor" })),
      version: "2",
      places: new Map(),
    };
    const { join, told } = openDesk({
      attention: async () => asked.splice(0),
      load: async () => {
        loads += 1;
        return loaded;
      },
    });
    await join();
    await soon();
    expect(told).toContain("expire editor");
    expect(loads).toBe(2);
    asked = [{ consumer: "another", changed: true, late: true, waits: true }];
    await soon();
    expect(loads).toBe(2);
  });

  test("one that is gone ends its members", async () => {
    const there: (LoadedConsumer | undefined)[] = [
      { settings: acceptConsumer(create(ConsumerSchema, { name: "editor" })), version: "1", places: new Map() },
    ];
    const { desk, join } = openDesk({ load: async () => there.shift() });
    const ada = await join();
    await desk.changed("editor");
    expect(await endOf(ada)).toBe("no consumer editor");
    await desk.changed("another");
  });

  test("the database does not answer: it goes on trying", async () => {
    let asked = 0;
    const { join } = openDesk({
      attention: async () => {
        asked += 1;
        throw new Error("no engine");
      },
    });
    const ada = await join();
    for (let n = 0; asked < 2 && n < 200; n += 1) await soon();
    expect(asked).toBeGreaterThan(1);
    expect(ada.lost).toBe(true);
  });

  test("members that settle by calls elsewhere are counted again, when they seem to be full", async () => {
    const { join } = openDesk({ heldBy: async () => new Map([["1", 1]]) });
    const ada = await join("ada", accessTo(), 2);
    ada.counted(2);
    await soon();
    expect(ada.want).toBe(1);
  });
});

test("D3: a member whose rights no longer cover what the consumer reads ends at once; so does one whose access ends", async () => {
  const { join } = openDesk();
  const access = accessTo(["cc"]);
  const ada = await join("ada", access);
  const grants = new Map([["other", Verb.READ]]);
  access.update({ name: "ada", kind: PrincipalKind.PERSON, grants });
  expect(await endOf(ada)).toBe("ACCESS_CHANGED");
  const ending = accessTo(["cc"]);
  const bob = await join("bob", ending);
  ending.end(new Error("revoked") as CosError);
  expect(await endOf(bob)).toBe("revoked");
});

describe("D4: leaving", () => {
  test("one that cannot be signed off is left to its lease", async () => {
    const { desk, join } = openDesk({ leave: async () => Promise.reject(new Error("no engine")) });
    await desk.leave(await join());
  });

  test("a process that drains has not lost its members, and takes no new ones", async () => {
    const { desk, join, told } = openDesk();
    const ada = await join();
    desk.drain();
    expect(await endOf(ada)).toBe("DRAINING");
    await desk.leave(ada);
    expect(told.at(-1)).toBe("leave 1");
    await expect(join()).rejects.toThrow(/going away/);
  });

  test("one that joins while the process begins to drain is told so", async () => {
    let drain: () => void = () => undefined;
    const { desk, join } = openDesk({
      join: async () => {
        drain();
        return { generation: "1", leaseMs: 20 };
      },
    });
    drain = () => desk.drain();
    expect(await endOf(await join())).toBe("DRAINING");
  });

  test("a new epoch, and age, end members that join again", async () => {
    const { desk, join } = openDesk();
    const ada = await join();
    desk.epochChanged();
    expect(await endOf(ada)).toBe("DRAINING");
    const old = openDesk({}, { ageMaxMs: 1 });
    expect(await endOf(await old.join())).toBe("DRAINING");
  });
});

describe("settling by calls", () => {
  const settle = create(SettleSchema, { module: "cc", positions: [1n, 2n] });
  const callOf = (modules: string[]) => {
    const access = accessTo(modules);
    return { access, scope: access.scope };
  };

  test("answers what was refused, and counts what was not", async () => {
    const { desk, join } = openDesk({ settle: async () => [2n] });
    const ada = await join("ada", accessTo(), 2);
    ada.counted(2);
    expect(await desk.ack({ consumer: "editor", generation: "1" }, [settle], callOf(["cc"]))).toEqual([
      { module: "cc", positions: [2n] },
    ]);
    expect(ada.want).toBe(1);
  });

  test("works where the member is not served; and is refused to a membership that is none, or to who may not see the consumer", async () => {
    const { desk } = openDesk();
    expect(await desk.ack({ consumer: "editor", generation: "9" }, [settle], callOf(["cc"]))).toEqual([]);
    await expect(desk.ack({ consumer: "editor", generation: "9" }, [], callOf(["other"]))).rejects.toThrow(
      "no consumer",
    );
    const lost = openDesk({ renew: async () => new Set() });
    await expect(lost.desk.ack({ consumer: "editor", generation: "9" }, [], callOf(["cc"]))).rejects.toThrow(
      /one no longer/,
    );
  });
});
