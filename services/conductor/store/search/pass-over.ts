import type pg from "pg";
import { indexRules, type TextPassage } from "../../domain/searchable-text.ts";
import { addPassages } from "./add-passages.ts";

type Placed = Parameters<typeof addPassages>[2][number] & TextPassage;

/** How long a word may take to be indexed. What is above is no fault of a text: the database is slow. */
const STAND_IN_MS = 1000;

const park = `
  insert into mem0_cc.projection_parked (module, projection, position, generation, error)
  select $1, 'search', g.position, $3, 'its text could not be indexed' from unnest($2::bigint[]) g (position)
  on conflict (module, projection, position) do update set generation = excluded.generation, error = excluded.error`;

/**
 * Takes memories as if they said nothing, and says so to those who ask how far the projections are, in the transaction of the step.
 * Before that a word is indexed in the place of the text, and undone: where the database does not do that promptly it refuses, and
 * nothing is passed over. Answers with the positions.
 */
export async function passOver(
  client: pg.ClientBase,
  { module, language }: { readonly module: string; readonly language: string },
  passages: readonly Placed[],
): Promise<string[]> {
  const [first] = passages;
  if (first === undefined) return [];
  await client.query(`savepoint stand_in; set local statement_timeout = ${STAND_IN_MS}`);
  await addPassages(client, { module, language }, [{ ...first, part: 0, startAt: 0, length: 4, text: "word" }]);
  await client.query("rollback to savepoint stand_in");
  const positions = [...new Set(passages.map(({ position }) => position))];
  await client.query(park, [module, positions, String(indexRules)]);
  return positions;
}
