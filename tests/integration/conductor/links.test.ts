import { create, fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { MemoryIdsSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { type Link, LinkDirection } from "#gen/cos/conductor/v1/links_pb.ts";
import { LinkedSchema, LinkType, UnlinkedSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type Forgetful, openForgetful } from "./open-forgetful.ts";
import { at, callBy, ends, type Linking, openLinking, type Place } from "./open-linking.ts";
import { forgetAll, someRequest, wholeModule } from "./some-forgetting.ts";

let given: Forgetful;
let linking: Linking;
beforeAll(async () => {
  given = await openForgetful();
  linking = openLinking(given);
});
afterAll(() => given.close());

describe("LinkMemories", () => {
  test("records an event of the from memory's module, announces it, and answers with the link", async () => {
    const [letter] = await linking.notes(2);
    const [scene] = await linking.notes(1);
    const answer = await linking.link(letter!, scene!, {
      type: LinkType.DEPENDS_ON,
      rationale: "the letter explains it",
    });
    expect(answer).toMatchObject({ deduplicated: false, cursor: at(letter!.module, 3) });
    expect(answer.link).toMatchObject({
      fromMemory: { ...at(letter!.module, 1), excerpt: "note 1" },
      toMemory: { ...at(scene!.module, 1), excerpt: "note 1" },
      type: LinkType.DEPENDS_ON,
      rationale: "the letter explains it",
      position: 3n,
      linkedBy: "owner",
      ended: false,
    });
    const event = await linking.eventAt({ module: letter!.module, position: 3 });
    expect(event).toMatchObject({
      eventType: "cos.memory.linked",
      source: "cos",
      payloadType: "cos.memory.v1.Linked",
      recordedBy: "owner",
      requestId: "request-7",
    });
    expect(fromJson(LinkedSchema, event.payload!)).toMatchObject({
      fromMemory: { id: answer.link!.fromMemory!.id, ...at(letter!.module, 1) },
      toMemory: { id: answer.link!.toMemory!.id, ...at(scene!.module, 1) },
      type: LinkType.DEPENDS_ON,
      rationale: "the letter explains it",
    });
    const announced = given.announced.findLast(([module]) => module === letter!.module)![1];
    expect(announced.event.body.value).toEqual(event);
  });

  test("answers the link that stands, whatever the rationale; another type or direction is another link", async () => {
    const [a, b] = await linking.notes(2);
    const first = await linking.link(a!, b!, { rationale: "first" });
    expect(first.link!.type).toBe(LinkType.RELATES_TO);
    const again = await linking.link(a!, b!, { type: LinkType.RELATES_TO, rationale: "second" });
    expect(again).toMatchObject({ deduplicated: true, cursor: first.cursor, link: { rationale: "first" } });
    expect(await linking.link(a!, b!, { type: LinkType.DEPENDS_ON })).toMatchObject({ deduplicated: false });
    expect(await linking.link(b!, a!)).toMatchObject({ deduplicated: false });
    expect((await linking.eventAt({ module: a!.module, position: 5 })).eventType).toBe("cos.memory.linked");
    await expect(linking.eventAt({ module: a!.module, position: 6 })).rejects.toThrow();
  });

  test("many who link the same at once, from both sides, make one link each way", async () => {
    const [a] = await linking.notes(1);
    const [b] = await linking.notes(1);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? linking.link(a!, b!) : linking.link(b!, a!))),
    );
    expect(answers.filter(({ deduplicated }) => !deduplicated)).toHaveLength(2);
    expect((await linking.listed(a!)).links.map(ends).sort()).toEqual(
      [`${a!.module}/1 ${b!.module}/1`, `${b!.module}/1 ${a!.module}/1`].sort(),
    );
  });

  test("a key answers with what it has recorded, after the link was taken back too, and refuses other content", async () => {
    const [a, b, c] = await linking.notes(3);
    const first = await linking.link(a!, b!, { rationale: "why", idempotencyKey: "k" });
    await linking.unlink(a!, b!);
    const again = await linking.link(a!, b!, { rationale: "why", idempotencyKey: "k" });
    expect(again).toMatchObject({ deduplicated: true, cursor: first.cursor, link: { ended: true, rationale: "why" } });
    expect((await linking.listed(a!)).links).toEqual([]);
    await expect(linking.link(a!, c!, { rationale: "why", idempotencyKey: "k" })).rejects.toMatchObject({
      reason: ErrorReason.IDEMPOTENCY_KEY_REUSED,
    });
    await forgetAll(
      { store: given.store, clearHighway: async () => true },
      someRequest(wholeModule, { module: a!.module }),
    );
    const last = await linking.link(a!, b!, { rationale: "why", idempotencyKey: "k" });
    expect(last).toMatchObject({
      deduplicated: true,
      link: { ended: true, rationale: "", fromMemory: { excerpt: "" } },
    });
  });

  test("a key whose link was forgotten since answers whoever names the same, and shows nobody what they did not name", async () => {
    const [a, b, c] = await linking.notes(3);
    const [secret] = await linking.notes(1);
    const key = { idempotencyKey: "k", type: LinkType.DEPENDS_ON };
    const first = await linking.link(a!, secret!, { ...key, rationale: "why" });
    const { id } = await linking.eventAt(a!);
    const request = someRequest({ case: "ids", value: create(MemoryIdsSchema, { ids: [id] }) }, { module: a!.module });
    await forgetAll({ store: given.store, clearHighway: async () => true }, request);

    const reused = { reason: ErrorReason.IDEMPOTENCY_KEY_REUSED };
    const other = callBy([[a!.module, Verb.RECORD]]);
    await expect(linking.link(b!, c!, key, other)).rejects.toMatchObject(reused);
    await expect(linking.link(a!, c!, key, other)).rejects.toMatchObject(reused);
    await expect(linking.link(b!, secret!, key)).rejects.toMatchObject(reused);
    await expect(linking.link(a!, secret!, { idempotencyKey: "k" })).rejects.toMatchObject(reused);
    expect(await linking.link(a!, secret!, { ...key, rationale: "why" })).toMatchObject({
      deduplicated: true,
      cursor: first.cursor,
      link: { ended: true, rationale: "", toMemory: { excerpt: "note 1" } },
    });
  });

  test("refuses itself, acts of the log, what is missing, and what was forgotten", async () => {
    const { module, recorded, ids, forget } = await given.freshModule([[{ text: "a" }], [{ text: "b" }]]);
    const [a, b] = recorded.map(({ position }) => ({ module, position }));
    await linking.link(a!, b!);
    const refused = (from: Place, to: Place) =>
      linking.link(from, to).catch(({ reason, fields }) => ({ reason, fields }));
    expect(await refused(a!, a!)).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      fields: [{ field: "to_memory" }],
    });
    expect(await refused({ module, position: 3 }, b!)).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      fields: [{ field: "from_memory" }],
    });
    expect(await refused(a!, { module, position: 99 })).toMatchObject({
      reason: ErrorReason.MEMORY_NOT_FOUND,
      fields: [{ field: "to_memory" }],
    });
    expect(await refused({ module: "nowhere", position: 1 }, b!)).toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
      fields: [{ field: "from_memory" }],
    });
    await forget({ case: "ids", value: { $typeName: "cos.conductor.v1.MemoryIds", ids: [ids[1]!] } });
    const notThere = { reason: ErrorReason.MEMORY_NOT_FOUND };
    expect(await refused(a!, b!)).toMatchObject({ ...notThere, fields: [{ field: "to_memory" }] });
    expect(await refused(b!, a!)).toMatchObject({ ...notThere, fields: [{ field: "from_memory" }] });
    await expect(linking.link(a!, b!, { rationale: "half \ud800" })).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
    });
  });

  test("needs RECORD where the link starts and READ where it leads", async () => {
    const [a] = await linking.notes(1);
    const [b] = await linking.notes(1);
    const by = (...grants: [string, Verb][]) => linking.link(a!, b!, {}, callBy(grants));
    await expect(by([a!.module, Verb.READ], [b!.module, Verb.RECORD])).rejects.toMatchObject({
      reason: ErrorReason.RIGHT_MISSING,
    });
    await expect(by([a!.module, Verb.RECORD])).rejects.toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND });
    await expect(by([b!.module, Verb.RECORD])).rejects.toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND });
    expect(await by([a!.module, Verb.RECORD], [b!.module, Verb.READ])).toMatchObject({ deduplicated: false });
  });

  test("a retired module takes no links and lets none be taken back; forgetting ends them all the same", async () => {
    const { module, recorded, forget } = await given.freshModule([[{ text: "a" }], [{ text: "b" }]]);
    const [a, b] = recorded.map(({ position }) => ({ module, position }));
    await linking.link(a!, b!);
    await given.client.query("update mem0_cc.module set state = 'retired' where name = $1", [module]);
    const retired = { reason: ErrorReason.MODULE_RETIRED };
    await expect(linking.link(b!, a!)).rejects.toMatchObject(retired);
    await expect(linking.unlink(a!, b!)).rejects.toMatchObject(retired);
    await forget({ case: "wholeModule", value: true });
    expect((await linking.tables(module)).live).toMatchObject([{ position: "3", ended: "4" }]);
  });
});

describe("ListLinks", () => {
  test("from either end, one way or both, of some types, a page at a time, each once", async () => {
    const [hub] = await linking.notes(1);
    const others = await linking.notes(5);
    for (const other of others) await linking.link(hub!, other, { type: LinkType.DEPENDS_ON });
    for (const other of others.slice(0, 3)) await linking.link(other, hub!);
    const both = (await linking.listed(hub!)).links;
    expect(both).toHaveLength(8);
    expect(await linking.listed(hub!, { direction: LinkDirection.OUTGOING })).toMatchObject({ nextPageToken: "" });
    expect((await linking.listed(hub!, { direction: LinkDirection.OUTGOING })).links).toHaveLength(5);
    expect((await linking.listed(hub!, { direction: LinkDirection.INCOMING })).links).toHaveLength(3);
    expect((await linking.listed(hub!, { types: [LinkType.UNSPECIFIED] })).links).toHaveLength(3);
    expect((await linking.listed(others[0]!)).links).toHaveLength(2);
    const paged: Link[] = [];
    let pageToken = "";
    do {
      const page = await linking.listed(hub!, { pageSize: 3, pageToken });
      expect(page.links.length).toBeLessThanOrEqual(3);
      paged.push(...page.links);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toEqual(both);
    await expect(linking.listed(hub!, { pageToken: "made up" })).rejects.toMatchObject({
      reason: ErrorReason.PAGE_TOKEN_INVALID,
    });
    const { nextPageToken } = await linking.listed(hub!, { pageSize: 1 });
    await expect(linking.listed(others[0]!, { pageToken: nextPageToken })).rejects.toMatchObject({
      reason: ErrorReason.PAGE_TOKEN_INVALID,
    });
  });

  test("a link whose other end the caller may not see is not there, from either side", async () => {
    const [a, c] = await linking.notes(2);
    const [b] = await linking.notes(1);
    await linking.link(a!, b!);
    await linking.link(a!, c!);
    await linking.link(b!, a!);
    const seen = await linking.listed(a!, {}, callBy([[a!.module, Verb.READ]]));
    expect(seen.links.map(ends)).toEqual([`${a!.module}/1 ${a!.module}/2`]);
    await expect(linking.listed(a!, {}, callBy([[b!.module, Verb.READ]]))).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
    });
  });
});

describe("UnlinkMemories", () => {
  test("records an event that names the link's own, and the link can be made again", async () => {
    const [a, b] = await linking.notes(2);
    await linking.link(a!, b!, { type: LinkType.DEPENDS_ON, rationale: "a mistake" });
    await expect(linking.unlink(a!, b!)).rejects.toMatchObject({ reason: ErrorReason.LINK_NOT_FOUND });
    expect((await linking.unlink(a!, b!, LinkType.DEPENDS_ON)).cursor).toMatchObject(at(a!.module, 4));
    expect((await linking.listed(b!)).links).toEqual([]);
    const event = await linking.eventAt({ module: a!.module, position: 4 });
    expect(event).toMatchObject({ eventType: "cos.memory.unlinked", payloadType: "cos.memory.v1.Unlinked" });
    expect(fromJson(UnlinkedSchema, event.payload!)).toMatchObject({
      forgotten: false,
      links: [{ position: 3n, type: LinkType.DEPENDS_ON, fromMemory: at(a!.module, 1), toMemory: at(a!.module, 2) }],
    });
    await expect(linking.unlink(a!, b!, LinkType.DEPENDS_ON)).rejects.toMatchObject({
      reason: ErrorReason.LINK_NOT_FOUND,
    });
    expect(await linking.link(a!, b!, { type: LinkType.DEPENDS_ON })).toMatchObject({ deduplicated: false });
    const { live, rebuilt } = await linking.tables(a!.module);
    expect(live).toMatchObject([
      { position: "3", ended: "4" },
      { position: "5", ended: null },
    ]);
    expect(rebuilt).toEqual(live);
  });

  test("of two who take it back at once one does", async () => {
    const [a, b] = await linking.notes(2);
    await linking.link(a!, b!);
    const outcomes = await Promise.allSettled([linking.unlink(a!, b!), linking.unlink(a!, b!), linking.unlink(a!, b!)]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});
