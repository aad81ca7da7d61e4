import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  type EntityName,
  EntityNameSchema,
  type GraphChange,
  GraphChangeSchema,
} from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { entityId } from "#services/graph/domain/entity-id.ts";
import { entityKeyOf, mentionKeyOf } from "#services/graph/domain/extract/name-key.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import type { EntityKind, Mention } from "#services/graph/domain/mention.ts";
import type { LogEvent, RememberedMemory } from "#services/graph/projection/log-event.ts";

// Histories of one module, in a small world, so that names, sessions and items meet often.

const PEOPLE = ["Sir W. Batten", "Sir William Batten", "W. Batten", "Mr. Coventry", "Mrs. Pierce", "Elizabeth Pepys"];
const PLACES = ["White Hall", "Deptford", "Westminster Hall"];
const NAMES: readonly { kind: EntityKind; name: string }[] = [
  ...PEOPLE.map((name) => ({ kind: "person" as const, name })),
  ...PLACES.map((name) => ({ kind: "place" as const, name })),
  { kind: "concept", name: "navy" },
];

/** What happens at one position; a number stands for an earlier position, or for one of a few items. */
export type Happening =
  | {
      readonly kind: "memory";
      readonly session: string;
      readonly source: string;
      readonly cause: number;
      readonly mentions: readonly Mention[];
    }
  | { readonly kind: "forget"; readonly which: readonly number[] }
  | { readonly kind: "merge"; readonly entities: readonly EntityName[]; readonly into: EntityName }
  | { readonly kind: "split"; readonly entity: EntityName; readonly name: EntityName }
  | { readonly kind: "change"; readonly changes: readonly GraphChange[] }
  | { readonly kind: "link"; readonly from: number; readonly to: number; readonly type: "RELATES_TO" | "DEPENDS_ON" }
  /** Of the links that were made at these positions; `forgotten`: their rationales are gone from the log since. */
  | { readonly kind: "unlink"; readonly which: readonly number[]; readonly forgotten: boolean }
  | { readonly kind: "pass" };

export const memoryId = (position: number): string => idOf("memory", String(position));
const itemId = (what: string, n: number): string => idOf(what, String(n));

const entityName = fc.constantFrom(...NAMES).map((name): EntityName => create(EntityNameSchema, name));

const mention = fc
  .record({
    name: fc.constantFrom(...NAMES),
    passages: fc.uniqueArray(fc.integer({ min: -1, max: 3 }), { minLength: 1, maxLength: 3 }),
    shouts: fc.boolean(),
  })
  .map(
    ({ name: { kind, name }, passages, shouts }): Mention => ({
      kind,
      key: mentionKeyOf(kind, name),
      forms: shouts ? [name.toUpperCase(), name] : [name],
      count: passages.length,
      passages: passages.sort((left, right) => left - right),
    }),
  );

const mentions = fc.uniqueArray(mention, { maxLength: 5, selector: ({ kind, key }) => `${kind}:${key}` });

const memory = fc.record({
  kind: fc.constant("memory" as const),
  session: fc.constantFrom("", "", "a", "b"),
  source: fc.constantFrom("Pepys", "editor"),
  cause: fc.integer({ min: -10, max: 30 }),
  mentions,
});

const revision = fc.integer({ min: 0, max: 12 }).map(BigInt);
const item = fc.integer({ min: 0, max: 3 });
const end = fc.oneof(
  item.map((n) => itemId("node", n)),
  fc.integer({ min: 1, max: 20 }).map(memoryId),
  fc
    .constantFrom(...NAMES)
    .map(({ kind, name }) => entityId("cc", { kind, key: entityKeyOf(kind, mentionKeyOf(kind, name)) })),
);

const change = fc
  .oneof(
    fc.record({ n: item, revision, name: fc.constantFrom("ship", "plot") }).map(({ n, revision, name }) => ({
      case: "nodeWritten" as const,
      value: { id: itemId("node", n), revision, label: "Entity", name, properties: { n } },
    })),
    fc
      .record({ n: item, revision })
      .map(({ n, revision }) => ({ case: "nodeDeleted" as const, value: { id: itemId("node", n), revision } })),
    fc.record({ n: item, revision, from: end, to: end }).map(({ n, revision, from, to }) => ({
      case: "relationshipWritten" as const,
      value: { id: itemId("edge", n), revision, type: "DEPENDS_ON", fromId: from, toId: to },
    })),
    fc
      .record({ n: item, revision })
      .map(({ n, revision }) => ({ case: "relationshipDeleted" as const, value: { id: itemId("edge", n), revision } })),
  )
  .map((change): GraphChange => create(GraphChangeSchema, { change }));

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: memory },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("forget" as const),
      which: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("merge" as const),
      entities: fc.array(entityName, { minLength: 1, maxLength: 3 }),
      into: entityName,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("split" as const), entity: entityName, name: entityName }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("change" as const),
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("link" as const),
      // Of another module, from 100 on.
      from: fc.integer({ min: 1, max: 12 }),
      to: fc.oneof(fc.integer({ min: 13, max: 20 }), fc.integer({ min: 100, max: 103 })),
      type: fc.constantFrom("RELATES_TO" as const, "DEPENDS_ON" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("unlink" as const),
      which: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      forgotten: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "pass" as const }) },
);

/** Histories of up to 40 positions. */
export const history: fc.Arbitrary<readonly Happening[]> = fc.array(happening, {
  minLength: 1,
  maxLength: 40,
  size: "max",
});

/** The events as a subscriber hears them who listens from the start. */
export function asHeard(happenings: readonly Happening[]): LogEvent[] {
  return happenings.map((happening, n) => eventOf(happenings, happening, n + 1, false));
}

/** The events as they are read from the log afterwards: what was forgotten since is bare, and links of it have no rationale. */
export function asReplayed(happenings: readonly Happening[]): LogEvent[] {
  const forgotten = new Set<number>();
  for (const [n, happening] of happenings.entries()) {
    const takesAway = happening.kind === "forget" || (happening.kind === "unlink" && happening.forgotten);
    if (!takesAway) continue;
    const what = happening.kind === "forget" ? "memory" : "link";
    for (const position of happening.which) {
      if (position <= n && happenings[position - 1]?.kind === what) forgotten.add(position);
    }
  }
  return happenings.map((happening, n) => eventOf(happenings, happening, n + 1, forgotten.has(n + 1)));
}

function eventOf(
  happenings: readonly Happening[],
  happening: Happening,
  position: number,
  isForgotten: boolean,
): LogEvent {
  const at = { position, memoryId: memoryId(position) };
  switch (happening.kind) {
    case "memory":
      return { ...at, kind: "remembered", ...remembered(happening, position, isForgotten) };
    case "forget":
      return { ...at, kind: "forgotten", ids: happening.which.filter((which) => which < position).map(memoryId) };
    case "merge":
      return { ...at, kind: "merged", entities: happening.entities, into: happening.into };
    case "split":
      return { ...at, kind: "split", entity: happening.entity, name: happening.name };
    case "change":
      return { ...at, kind: "changed", changes: happening.changes };
    case "link": {
      const rationale = isForgotten ? "" : `why ${position}`;
      return { ...at, kind: "linked", link: { ...linkOf(happening), rationale } };
    }
    case "unlink": {
      const links = happening.which.flatMap((which) => {
        const made = which < position ? happenings[which - 1] : undefined;
        return made?.kind === "link" ? [{ ...linkOf(made), position: which }] : [];
      });
      return { ...at, kind: "unlinked", links };
    }
    case "pass":
      return { ...at, kind: "passed" };
  }
}

function linkOf({ type, from, to }: Happening & { kind: "link" }) {
  return { type, from: memoryId(from), to: memoryId(to) };
}

function remembered(
  { session, source, cause, mentions }: Happening & { kind: "memory" },
  position: number,
  isForgotten: boolean,
): { memory: RememberedMemory; mentions: readonly Mention[] } {
  const bare = { label: "LogEntry", eventType: "note" } as const;
  if (isForgotten) {
    const nothing = { name: "", source: "", session: "", cause: "", occurredMs: undefined };
    return { memory: { ...bare, ...nothing, forgotten: true }, mentions: [] };
  }
  const says = { name: `text ${position}`, source, session, occurredMs: position * 1000, forgotten: false };
  return { memory: { ...bare, ...says, cause: cause > 0 && cause !== position ? memoryId(cause) : "" }, mentions };
}
