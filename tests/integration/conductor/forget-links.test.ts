import { create, fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { MemoryIdsSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { LinkedSchema, UnlinkedSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type Forgetful, openForgetful } from "./open-forgetful.ts";
import { ends, type Linking, openLinking, type Place } from "./open-linking.ts";
import { forgetAll, type Selector, someRequest, wholeModule } from "./some-forgetting.ts";

let given: Forgetful;
let linking: Linking;
beforeAll(async () => {
  given = await openForgetful();
  linking = openLinking(given);
});
afterAll(() => given.close());

/** Forgets one memory; answers with the modules whose copies had to obey, and at which position. */
async function forget({ module, position }: Place): Promise<[module: string, position: number][]> {
  const { id } = await linking.eventAt({ module, position });
  const ids: Selector = { case: "ids", value: create(MemoryIdsSchema, { ids: [id] }) };
  const cleared: [string, number][] = [];
  const clearHighway = async (...place: [string, number]) => cleared.push(place) > 0;
  await forgetAll({ store: given.store, clearHighway }, someRequest(ids, { module }));
  return cleared;
}

async function rationaleAt(place: Place): Promise<string> {
  return fromJson(LinkedSchema, (await linking.eventAt(place)).payload ?? {}).rationale;
}

async function forgettingOf(module: string): Promise<number> {
  const { rows } = await given.client.query("select forgetting from mem0_cc.head where module = $1", [module]);
  return Number(rows[0].forgetting);
}

async function expectRebuildable(module: string): Promise<void> {
  const { live, rebuilt } = await linking.tables(module);
  expect(rebuilt).toEqual(live);
}

test("L4: when the end is forgotten, the link ends in the other module, and its rationale goes from the log there", async () => {
  const [letter] = await linking.notes(1);
  const [scene, other] = await linking.notes(2);
  await linking.link(letter!, scene!, { rationale: "it says: note 1" });
  await linking.link(letter!, other!, { rationale: "stays" });
  const cleared = await forget(scene!);

  expect((await linking.listed(letter!)).links.map(ends)).toEqual([`${letter!.module}/1 ${other!.module}/2`]);
  expect((await linking.listed(scene!)).links).toEqual([]);
  expect(await rationaleAt({ module: letter!.module, position: 2 })).toBe("");
  expect(await rationaleAt({ module: letter!.module, position: 3 })).toBe("stays");
  const event = await linking.eventAt({ module: letter!.module, position: 4 });
  expect(event).toMatchObject({ eventType: "cos.memory.unlinked", recordedBy: "owner", requestId: "request-7" });
  expect(event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
  expect(fromJson(UnlinkedSchema, event.payload!)).toMatchObject({ forgotten: true, links: [{ position: 2n }] });
  const { rows } = await given.client.query(
    "select count(*)::int as count from mem0_cc.memory m where m::text like '%it says%'",
  );
  expect(rows).toEqual([{ count: 0 }]);

  // E3: the copies of the other module have to obey too, and were told to at once.
  expect(await forgettingOf(letter!.module)).toBe(4);
  expect(cleared).toContainEqual([letter!.module, 4]);
  expect(given.announced.findLast(([module]) => module === letter!.module)![1].event.body.value).toEqual(event);
  await expectRebuildable(letter!.module);
});

test("what members said of the link's event goes too, in whatever module it stands", async () => {
  const [letter] = await linking.notes(1);
  const [scene, other] = await linking.notes(2);
  await linking.link(letter!, scene!, { rationale: "it says: note 1" });
  await linking.link(letter!, other!, { rationale: "stays" });
  const module = letter!.module;
  await given.client.query(
    `insert into mem0_cc.delivery (consumer, module, position, error)
     select 'reader', $1, n, 'no such rationale: ' || n from generate_series(1, 3) n`,
    [module],
  );
  await given.client.query(
    `insert into mem0_cc.dead_letter (consumer, module, position, attempts, error, reason, dead_at, member)
     select 'reader', $1, n, 1, 'no such rationale: ' || n, 1, now(), 'ada' from generate_series(1, 3) n`,
    [module],
  );
  await forget(scene!);
  for (const table of ["delivery", "dead_letter"]) {
    const { rows } = await given.client.query(
      `select array_agg(position::int order by position) as said from mem0_cc.${table} where module = $1 and error is not null`,
      [module],
    );
    expect(rows).toEqual([{ said: [1, 3] }]);
  }
});

test("within one module the link's end stands before the forgetting, and all of it is announced in order", async () => {
  const [a, b] = await linking.notes(2);
  await linking.link(b!, a!, { rationale: "why" });
  await forget(a!);
  expect((await linking.eventAt({ module: a!.module, position: 4 })).eventType).toBe("cos.memory.unlinked");
  expect((await linking.eventAt({ module: a!.module, position: 5 })).eventType).toBe("cos.memory.forgotten");
  const announced = given.announced.filter(([module]) => module === a!.module).map(([, { position }]) => position);
  expect(announced.slice(-2)).toEqual([4, 5]);
  expect(await forgettingOf(a!.module)).toBe(5);
  await expectRebuildable(a!.module);
});

test("E2: the rationale of a link that was taken back before goes too, once", async () => {
  const [a, b] = await linking.notes(2);
  await linking.link(a!, b!, { rationale: "secret" });
  await linking.unlink(a!, b!);
  await forget(b!);
  expect(await rationaleAt({ module: a!.module, position: 3 })).toBe("");
  expect((await linking.tables(a!.module)).live).toMatchObject([{ position: "3", ended: "4" }]);
  // E4: with the second end nothing is left to tell.
  await forget(a!);
  expect((await linking.eventAt({ module: a!.module, position: 7 })).eventType).toBe("cos.memory.forgotten");
  await expectRebuildable(a!.module);
});

test("one with very many links ends all of them in a few events", async () => {
  const [hub] = await linking.notes(1);
  const others = await linking.notes(320);
  for (let from = 0; from < others.length; from += 16) {
    await Promise.all(others.slice(from, from + 16).map((other) => linking.link(other, hub!, { rationale: "r" })));
  }
  await forget(hub!);
  const counts: number[] = [];
  for (const position of [641, 642]) {
    const { payload } = await linking.eventAt({ module: others[0]!.module, position });
    counts.push(fromJson(UnlinkedSchema, payload!).links.length);
  }
  expect(counts).toEqual([250, 70]);
  expect(await forgettingOf(others[0]!.module)).toBe(642);
  await expectRebuildable(others[0]!.module);
});

test("a conductor of the version before, which only calls forget_batch, ends links too", async () => {
  const [a, b] = await linking.notes(2);
  await linking.link(a!, b!, { rationale: "why" });
  const event = {
    id: "01930000-0000-7000-8000-0000000000f1",
    event_type: "cos.memory.forgotten",
    source: "cos",
    request_id: "r",
  };
  await given.client.query("select mem0_cc.forget_batch($1, $2, $3)", [a!.module, [2], JSON.stringify(event)]);
  expect((await linking.listed(a!)).links).toEqual([]);
  expect(await rationaleAt({ module: a!.module, position: 3 })).toBe("");
});

test("E1, L1: linking and forgetting across modules at once, in all directions, neither block each other for good nor leave a link behind", async () => {
  const modules = await Promise.all([linking.notes(12), linking.notes(12), linking.notes(12)]);
  const all = modules.flat();
  const some = (n: number): Place => all[(n * 7919 + 13) % all.length]!;
  const linkings = Array.from({ length: 150 }, async (_, n) => {
    const [from, to] = [some(n), some(n * n + 5)];
    if (from === to) return;
    await linking.link(from, to, { rationale: "secret words" }).catch((error: { reasonName?: string }) => {
      expect(error.reasonName).toBe("MEMORY_NOT_FOUND");
    });
  });
  const forgettings = all.filter((_, n) => n % 3 === 0).map((place) => forget(place));
  await Promise.all([...linkings, ...forgettings]);
  for (const { module } of modules.map(([first]) => first!)) await expectRebuildable(module);
  const names = modules.map(([first]) => first!.module);
  const { rows } = await given.client.query(
    `select count(*)::int as count from mem0_cc.link l
     join mem0_cc.memory r on r.module = l.module and r.position = l.position
     join mem0_cc.memory f on f.module = l.module and f.position = l.from_position
     join mem0_cc.memory t on t.module = l.to_module and t.position = l.to_position
     where (f.forgotten_at is not null or t.forgotten_at is not null)
       and (l.ended is null or r.payload ->> 'rationale' is not null) and l.module = any($1)`,
    [names],
  );
  expect(rows).toEqual([{ count: 0 }]);
  const { rows: standing } = await given.client.query(
    "select count(*)::int as count from mem0_cc.link where ended is null and module = any($1)",
    [names],
  );
  expect(standing[0].count).toBeGreaterThan(0);
});

test("another module is cleared with the batch that touched it, and again only if that failed", async () => {
  const { module, recorded } = await given.freshModule(Array.from({ length: 1100 }, () => []));
  const [once, twice] = [(await linking.notes(1))[0]!, (await linking.notes(1))[0]!];
  for (const other of [once, twice]) await linking.link(other, recorded[0]!, { rationale: "r" });
  const told: string[] = [];
  let failures = 1;
  const clearHighway = async (name: string, position: number): Promise<boolean> => {
    if (name === module) return true;
    told.push(`${name}/${position}`);
    return name !== twice.module || failures-- <= 0;
  };
  const frames = await forgetAll({ store: given.store, clearHighway }, someRequest(wholeModule, { module }));
  expect(frames.map(({ forgotten, highwayCleared }) => [forgotten, highwayCleared])).toEqual([
    [500n, false],
    [1000n, true],
    [1100n, true],
    [1100n, true],
  ]);
  expect(told).toEqual([`${once.module}/3`, `${twice.module}/3`, `${twice.module}/3`]);
});

test("forgetting a whole module with links into it and out of it", async () => {
  const inside = await linking.notes(3);
  const [outside] = await linking.notes(1);
  await linking.link(inside[0]!, inside[1]!, { rationale: "in" });
  await linking.link(inside[1]!, outside!, { rationale: "out" });
  await linking.link(outside!, inside[2]!, { rationale: "into" });
  const clearHighway = async () => true;
  const { module } = inside[0]!;
  const frames = await forgetAll({ store: given.store, clearHighway }, someRequest(wholeModule, { module }));
  expect(frames.at(-1)).toMatchObject({ forgotten: 3n, done: true, highwayCleared: true });
  expect((await linking.listed(outside!)).links).toEqual([]);
  await expectRebuildable(module);
  await expectRebuildable(outside!.module);
});
