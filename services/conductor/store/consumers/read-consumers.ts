import { create } from "@bufbuild/protobuf";
import {
  type ConsumerMember,
  ConsumerMemberSchema,
  type ConsumerPlace,
  ConsumerPlaceSchema,
  type ConsumerStatus,
  ConsumerStatusSchema,
} from "#gen/cos/highway/v1/consumers_pb.ts";
import type { ListConsumersRequest } from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "#shared/paging/page-token.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { timestampOf } from "../memory-rows.ts";
import { scopeParameter } from "../visibility.ts";
import { type ConsumerRow, consumerColumns, consumerOf, visibleConsumer } from "./consumer-rows.ts";
import { type ConsumerStore, consumerNotFound } from "./consumer-store.ts";

interface StatusRow extends ConsumerRow {
  readonly held: string;
  readonly resting: string;
  readonly waiting: string;
  readonly lag: string;
  readonly dead: string;
  readonly members: readonly MemberRow[] | null;
  readonly places?: readonly PlaceRow[] | null;
}

interface MemberRow {
  readonly name: string;
  readonly principal: string;
  readonly joined_us: string;
  readonly lease_us: string;
  readonly held: string;
}

interface PlaceRow {
  readonly module: string;
  readonly settled: string;
  readonly read: string;
  readonly head: string;
}

/** How a consumer of the alias `c` stands, at one moment: the statement's. */
const standing = `
  left join lateral (
    select count(*) filter (where d.generation is not null) as held,
           count(*) filter (where d.generation is null and d.due_at > clock_timestamp()) as resting,
           count(*) filter (where d.generation is null and (d.due_at is null or d.due_at <= clock_timestamp())) as waiting
    from mem0_cc.delivery d where d.consumer = c.name
  ) work on true
  left join lateral (
    select coalesce(sum(h.position - coalesce(p.read_through, 0)), 0) as lag
    from mem0_cc.head h left join mem0_cc.consumer_place p on p.consumer = c.name and p.module = h.module
    where c.all_modules or h.module = any(c.modules)
  ) behind on true
  left join lateral (
    select count(*) as dead from mem0_cc.dead_letter l where l.consumer = c.name
  ) letters on true
  left join lateral (
    select json_agg(json_build_object(
      'name', m.name, 'principal', m.principal,
      'joined_us', (extract(epoch from m.joined_at) * 1000000)::bigint::text,
      'lease_us', (extract(epoch from m.lease_until) * 1000000)::bigint::text,
      'held', (select count(*) from mem0_cc.delivery d where d.consumer = c.name and d.generation = m.generation)::text
    ) order by m.name) as members
    from mem0_cc.consumer_member m where m.consumer = c.name and m.lease_until >= clock_timestamp()
  ) people on true`;

/** Everything up to the first row of delivery is settled; without one, everything that was read. */
const places = `
  left join lateral (
    select json_agg(json_build_object(
      'module', h.module, 'head', h.position::text, 'read', coalesce(p.read_through, 0)::text,
      'settled', coalesce((select least(d.position - 1, p.read_through) from mem0_cc.delivery d
                           where d.consumer = c.name and d.module = h.module order by d.position limit 1),
                          p.read_through, 0)::text
    ) order by h.module) as places
    from mem0_cc.head h left join mem0_cc.consumer_place p on p.consumer = c.name and p.module = h.module
    where c.all_modules or h.module = any(c.modules)
  ) standing on true`;

const figures = "work.held, work.resting, work.waiting, behind.lag, letters.dead, people.members";

/** A consumer and how it stands, with all its places. Rejects with CONSUMER_NOT_FOUND unless the scope holds all its modules. */
export async function getConsumer(
  store: ConsumerStore,
  scope: Scope,
  name: string,
  signal?: AbortSignal,
): Promise<ConsumerStatus> {
  const [row] = await queryAbortably<StatusRow>(store.postgres, {
    text: `select ${consumerColumns}, ${figures}, standing.places from mem0_cc.consumer c ${standing} ${places}
           where c.name = $1 and ${visibleConsumer("$2")}`,
    values: [name, scopeParameter(scope)],
    signal,
  });
  if (row === undefined) throw consumerNotFound(name);
  return statusOf(row, store.log.epochs().current.identity);
}

export interface ConsumerPage {
  readonly consumers: ConsumerStatus[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

const fingerprint = fingerprintOf("consumers");
const isName = (part: string): boolean => /^[a-z0-9-]+$/.test(part);

/** The consumers of the scope by name, a page at a time. Rejects with PAGE_TOKEN_INVALID. */
export async function listConsumers(
  store: ConsumerStore,
  scope: Scope,
  { pageSize, pageToken }: Pick<ListConsumersRequest, "pageSize" | "pageToken">,
  signal?: AbortSignal,
): Promise<ConsumerPage> {
  const size = pageSizeOf(pageSize);
  const [after = ""] = pageToken === "" ? [] : decodePageToken(fingerprint, pageToken, [isName]);
  const rows = await queryAbortably<StatusRow>(store.postgres, {
    text: `with page as (
             select * from mem0_cc.consumer c where c.name > $1 and ${visibleConsumer("$2")} order by c.name limit $3)
           select ${consumerColumns}, ${figures} from page c ${standing} order by c.name`,
    values: [after, scopeParameter(scope), size + 1],
    signal,
  });
  const page = rows.slice(0, size);
  const last = page.at(-1);
  const nextPageToken = rows.length > size && last !== undefined ? encodePageToken(fingerprint, [last.name]) : "";
  return { consumers: page.map((row) => statusOf(row, "")), nextPageToken };
}

function statusOf(row: StatusRow, epoch: string): ConsumerStatus {
  return create(ConsumerStatusSchema, {
    consumer: consumerOf(row),
    members: (row.members ?? []).map(memberOf),
    places: (row.places ?? []).map((place) => placeOf(place, epoch)),
    inFlight: BigInt(row.held),
    resting: BigInt(row.resting),
    waiting: BigInt(row.waiting),
    lag: BigInt(row.lag),
    deadLetters: BigInt(row.dead),
  });
}

function memberOf({ name, principal, joined_us, lease_us, held }: MemberRow): ConsumerMember {
  const times = { joinedAt: timestampOf(joined_us), leaseUntil: timestampOf(lease_us) };
  return create(ConsumerMemberSchema, { name, principal, ...times, inFlight: BigInt(held) });
}

function placeOf({ module, settled, read, head }: PlaceRow, epoch: string): ConsumerPlace {
  return create(ConsumerPlaceSchema, {
    settled: { module, position: BigInt(settled), epoch },
    read: BigInt(read),
    head: BigInt(head),
  });
}
