import { ProjectionState, type ReportProjectionsRequest } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";

/**
 * All of one statement, so that a place is never told without what was passed over below it. Rows are locked by module in order: two
 * processes of one projection do not deadlock. The clock is the database's.
 */
const text = `
  with told as (
    insert into mem0_cc.projection as p (name, generation, state, reported_at) values ($1, $2, $3, clock_timestamp())
    on conflict (name) do update
      set generation = excluded.generation, state = excluded.state, reported_at = excluded.reported_at
  ), places as (
    insert into mem0_cc.projection_place (module, projection, generation, position, epoch)
    select distinct on (g.module) g.module, $1, $2, g.position, g.epoch
    from unnest($4::text[], $5::bigint[], $6::text[]) as g (module, position, epoch)
    join mem0_cc.module m on m.name = g.module
    order by g.module, g.position desc
    on conflict (module, projection) do update
      set generation = excluded.generation, position = excluded.position, epoch = excluded.epoch
  ), parked as (
    insert into mem0_cc.projection_parked (module, projection, position, generation, error)
    select distinct on (g.module, g.position) g.module, $1, g.position, $2, g.error
    from unnest($7::text[], $8::bigint[], $9::text[]) as g (module, position, error)
    join mem0_cc.module m on m.name = g.module
    order by g.module, g.position
    on conflict (module, projection, position) do update set generation = excluded.generation, error = excluded.error
  )
  delete from mem0_cc.projection_parked k
  where k.projection = $1 and k.generation <> $2
    and exists (select from mem0_cc.projection p where p.name = $1 and p.generation <> $2)`;

/** Keeps what a projection tells of itself. What was told of another generation counts no more. */
export async function reportProjections(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  { projection, generation, state, places, parked }: ReportProjectionsRequest,
  signal?: AbortSignal,
): Promise<void> {
  const values = [
    projection,
    generation,
    state === ProjectionState.STALLED ? "stalled" : "following",
    places.map(({ module }) => module),
    places.map(({ position }) => String(position)),
    places.map(({ epoch }) => epoch),
    parked.map(({ module }) => module),
    parked.map(({ position }) => String(position)),
    parked.map(({ error }) => error),
  ];
  await queryAbortably(postgres, { name: "report_projections", text, values, signal });
}
