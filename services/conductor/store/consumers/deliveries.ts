import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { Attention, Deliveries, Taken } from "../../domain/deliveries.ts";
import { eventOf, type MemoryRow, memoryColumns, memoryOf } from "../memory-rows.ts";
import { acceptedOf, type ConsumerRow, consumerColumns } from "./consumer-rows.ts";

const OUTCOMES = { ack: 1, retry: 2, park: 3, release: 4 } as const;

/** The port to the work of consumers, on PostgreSQL. */
export function deliveries(postgres: Pick<Postgres, "pool" | "cancelBackend">): Deliveries {
  const ask = <Row extends object>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> =>
    queryAbortably<Row & Record<string, unknown>>(postgres, { name: `consumer-${name}`, text, values });
  return {
    load: async (consumer) => {
      const [row] = await ask<ConsumerRow & { places: Record<string, string> }>("load", loadStatement, [consumer]);
      if (row === undefined) return undefined;
      const places = Object.entries(row.places).map(([module, read]) => [module, Number(read)] as const);
      return { settings: acceptedOf(row), version: row.version, places: new Map(places) };
    },
    join: async (consumer, member, principal) => {
      const text = "select generation, lease_ms from mem0_cc.consumer_join($1, $2, $3)";
      const [row] = await ask<{ generation: string; lease_ms: number }>("join", text, [consumer, member, principal]);
      return row && { generation: row.generation, leaseMs: row.lease_ms };
    },
    leave: async (consumer, generation, lost) => {
      await ask("leave", "select mem0_cc.consumer_leave($1, $2, $3)", [consumer, generation, lost]);
    },
    renew: async (members, principal) => {
      const rows = await ask<{ generation: string }>("renew", renewStatement, [
        ...columnsOf(members),
        principal ?? null,
      ]);
      return new Set(rows.map(({ generation }) => generation));
    },
    take: async ({ consumer, generation, version, module, after, through, positions, keys }) => {
      const values = [consumer, generation, version, module, after, through, positions, keys];
      const [row] = await ask<TakenRow>("take", takeStatement, values);
      const { outcome, given, read_through, held, unsettled } = row!;
      return { outcome, given: given.map(Number), readThrough: Number(read_through), held, unsettled };
    },
    claim: async (consumer, generation, want) => {
      const text = "select module, position, attempt from mem0_cc.consumer_claim($1, $2, $3) order by module, position";
      const rows = await ask<{ module: string; position: string; attempt: number }>("claim", text, [
        consumer,
        generation,
        want,
      ]);
      return rows.map(({ module, position, attempt }) => ({ module, position: Number(position), attempt }));
    },
    settle: async ({ consumer, generation, module, positions, outcome, delayMs, error }) => {
      const values = [consumer, generation, module, positions, OUTCOMES[outcome], delayMs, error === "" ? null : error];
      const text = "select mem0_cc.consumer_settle($1, $2, $3, $4, $5, $6, $7) as refused";
      const [row] = await ask<{ refused: string[] }>("settle", text, values);
      return row!.refused.map(BigInt);
    },
    whyLost: async (consumer, member) => {
      const [row] = await ask<{ gone: boolean; replaced: boolean }>("why-lost", whyLostStatement, [consumer, member]);
      return row!.gone ? "gone" : row!.replaced ? "replaced" : "lost";
    },
    attention: (consumers) => {
      const values = [consumers.map(({ consumer }) => consumer), consumers.map(({ version }) => version)];
      return ask<Attention>("attention", attentionStatement, values);
    },
    heldBy: async (members) => {
      const rows = await ask<{ generation: string; held: number }>("held", heldStatement, columnsOf(members));
      return new Map(rows.map(({ generation, held }) => [generation, held]));
    },
    expire: async (consumer) => {
      const text = "select generation from mem0_cc.consumer_expire($1) as generation";
      return (await ask<{ generation: string }>("expire", text, [consumer])).map(({ generation }) => generation);
    },
    eventsAt: async (places) => {
      const values = [places.map(({ module }) => module), places.map(({ position }) => position)];
      const rows = await ask<MemoryRow>("events", eventsStatement, values);
      return rows.map((row) => eventOf(memoryOf(row), row.traceparent ?? ""));
    },
  };
}

const columnsOf = (members: readonly { consumer: string; generation: string }[]): [string[], string[]] => [
  members.map(({ consumer }) => consumer),
  members.map(({ generation }) => generation),
];

interface TakenRow {
  readonly outcome: Taken["outcome"];
  readonly given: string[];
  readonly read_through: string;
  readonly held: number;
  readonly unsettled: number;
}

const takeStatement =
  "select outcome, given, read_through, held, unsettled from mem0_cc.consumer_take($1, $2, $3, $4, $5, $6, $7, $8)";

const loadStatement = `
  select ${consumerColumns}, coalesce((
    select json_object_agg(p.module, p.read_through::text) from mem0_cc.consumer_place p where p.consumer = c.name), '{}'
  ) as places
  from mem0_cc.consumer c where c.name = $1`;

const renewStatement = `
  update mem0_cc.consumer_member m
  set lease_until = clock_timestamp() + (interval '1 millisecond') * m.lease_ms
  from (select * from unnest($1::text[], $2::bigint[]) p (consumer, generation) order by 1, 2) p
  where m.consumer = p.consumer and m.generation = p.generation and ($3::text is null or m.principal = $3)
  returning m.generation`;

const whyLostStatement = `
  select not exists (select from mem0_cc.consumer c where c.name = $1) as gone,
         exists (select from mem0_cc.consumer_member m where m.consumer = $1 and m.name = $2) as replaced`;

const heldStatement = `
  select p.generation, held.count as held
  from unnest($1::text[], $2::bigint[]) p (consumer, generation)
  cross join lateral (
    select count(*)::int as count from mem0_cc.delivery d where d.consumer = p.consumer and d.generation = p.generation
  ) held`;

const attentionStatement = `
  select p.name as consumer, c.version is distinct from p.version as changed, late.is as late, waits.is as waits
  from unnest($1::text[], $2::bigint[]) p (name, version)
  left join lateral (select c.version, c.ack_deadline_ms from mem0_cc.consumer c where c.name = p.name limit 1) c on true
  cross join lateral (select exists (
      select from mem0_cc.consumer_member m where m.consumer = p.name and m.lease_until < clock_timestamp()
    ) or (c.ack_deadline_ms is not null and exists (
      select from mem0_cc.delivery d where d.consumer = p.name and d.generation is not null
        and d.given_at < clock_timestamp() - (interval '1 millisecond') * c.ack_deadline_ms)) as is) late
  cross join lateral (select exists (
      select from mem0_cc.delivery d where d.consumer = p.name and d.generation is null
        and (d.due_at is null or d.due_at <= clock_timestamp())) as is) waits
  where c.version is distinct from p.version or late.is or waits.is`;

const eventsStatement = `
  select ${memoryColumns(MemoryView.FULL)}
  from unnest($1::text[], $2::bigint[]) with ordinality p (module, position, n)
  cross join lateral (select * from mem0_cc.memory m where m.module = p.module and m.position = p.position limit 1) m
  order by p.n`;
