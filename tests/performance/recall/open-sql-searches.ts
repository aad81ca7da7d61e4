import { Client } from "pg";
import type { Rig } from "../open-rig.ts";
import type { RecordedFile } from "./record-file.ts";
import type { Search } from "./search.ts";

const FOUND_MAX = 50;

/**
 * What PostgreSQL finds without us, so that our figures mean something: the memories that hold all words, and those that hold any, both
 * by `ts_rank_cd`, over whole memories, stemmed as English, on an index.
 */
export async function openSqlSearches(rig: Rig, { module, keyAt }: RecordedFile): Promise<Search[]> {
  const client = new Client({ connectionString: rig.postgresUrl });
  await client.connect();
  rig.closers.add("SQL searches", () => client.end());
  await client.query(
    `create temp table whole as
     select position, length(text) as characters, to_tsvector('english', text) as lex from mem0_cc.memory where module = $1`,
    [module],
  );
  await client.query("create index on whole using gin (lex)");
  await client.query("analyze whole");
  const searchBy =
    (query: string): Search["search"] =>
    async (words) => {
      const { rows } = await client.query<{ position: string; characters: number }>(
        `select w.position::text, w.characters
           from (select ${query} as q) asked, whole w
          where w.lex @@ asked.q
          order by ts_rank_cd(w.lex, asked.q) desc, w.position desc
          limit ${FOUND_MAX}`,
        [words],
      );
      return rows.map(({ position, characters }) => ({ key: keyAt.get(position) ?? "", characters }));
    };
  return [
    { name: "SQL, all words", search: searchBy("websearch_to_tsquery('english', $1)") },
    {
      name: "SQL, any word",
      search: searchBy("replace(plainto_tsquery('english', $1)::text, '&', '|')::tsquery"),
    },
  ];
}
