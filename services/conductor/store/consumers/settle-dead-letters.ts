import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { DeadLetterSelector } from "#gen/cos/highway/v1/consumers_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { Parameters } from "../parameters.ts";
import { LONG_MS } from "./change-consumers.ts";
import type { ConsumerStore } from "./consumer-store.ts";
import { type ChangeCall, withConsumer } from "./with-consumer.ts";

/** How many letters one call replays. */
const replayMax = 1000;

export interface Replayed {
  readonly replayed: number;
  /** Of the selector, still dead. */
  readonly remaining: number;
}

/** Gives dead letters back to the members, as if never tried, those that died first before the others. One that is with them already is only taken from the dead. */
export function replayDeadLetters(
  store: ConsumerStore,
  call: ChangeCall,
  consumer: string,
  selector: DeadLetterSelector,
): Promise<Replayed> {
  return withConsumer(store, call, consumer, async (client) => {
    const parameters = new Parameters();
    const which = conditionOf(consumer, selector, parameters);
    const { rows } = await client.query<{ module: string; position: string }>({
      text: `delete from mem0_cc.dead_letter l
             using (select l.module, l.position from mem0_cc.dead_letter l where ${which}
                    order by l.dead_at, l.module, l.position limit ${replayMax}) s
             where l.consumer = $1 and l.module = s.module and l.position = s.position
             returning l.module, l.position`,
      values: parameters.values,
    });
    await client.query({
      text: `insert into mem0_cc.delivery (consumer, module, position)
             select $1, p.module, p.position from unnest($2::text[], $3::bigint[]) p (module, position)
             on conflict (consumer, module, position) do nothing`,
      values: [consumer, rows.map(({ module }) => module), rows.map(({ position }) => position)],
    });
    return { replayed: rows.length, remaining: await countOf(client, consumer, selector) };
  });
}

/** Throws dead letters away, if they are as many as the caller means. Rejects with COUNT_MISMATCH, and then none is. */
export function purgeDeadLetters(
  store: ConsumerStore,
  call: ChangeCall,
  consumer: string,
  { selector, count }: { readonly selector: DeadLetterSelector; readonly count: number },
): Promise<number> {
  return withConsumer({ ...store, timeoutMs: LONG_MS }, call, consumer, async (client) => {
    await client.query(`set local statement_timeout = ${LONG_MS}`);
    const found = await countOf(client, consumer, selector);
    if (found !== count) throw countMismatch(found, count);
    const parameters = new Parameters();
    const which = conditionOf(consumer, selector, parameters);
    await client.query({ text: `delete from mem0_cc.dead_letter l where ${which}`, values: parameters.values });
    return found;
  });
}

async function countOf(client: pg.ClientBase, consumer: string, selector: DeadLetterSelector): Promise<number> {
  const parameters = new Parameters();
  const which = conditionOf(consumer, selector, parameters);
  const { rows } = await client.query<{ count: number }>({
    text: `select count(*)::int as count from mem0_cc.dead_letter l where ${which}`,
    values: parameters.values,
  });
  return rows[0]!.count;
}

/** The letters of the consumer, which is the first parameter, that the selector means. */
function conditionOf(consumer: string, { which }: DeadLetterSelector, parameters: Parameters): string {
  const ours = `l.consumer = ${parameters.add(consumer)}`;
  switch (which.case) {
    case "module":
      return `${ours} and l.module = ${parameters.add(which.value)}`;
    case "places": {
      const modules = parameters.add(which.value.places.map(({ module }) => module));
      const positions = parameters.add(which.value.places.map(({ position }) => String(position)));
      return `${ours} and (l.module, l.position) in (select * from unnest(${modules}::text[], ${positions}::bigint[]))`;
    }
    default:
      return ours;
  }
}

function countMismatch(found: number, count: number): CosError {
  return new CosError(
    ErrorReason.COUNT_MISMATCH,
    `${found} dead letters are selected, not ${count}: nothing was thrown away; look again`,
    { fields: [{ field: "count", description: `must be ${found}, as many as are selected` }] },
  );
}
