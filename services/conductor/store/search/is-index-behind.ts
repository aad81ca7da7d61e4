import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { indexRules } from "../../domain/searchable-text.ts";
import { languageOf } from "./language-of.ts";

const statement = {
  name: "index_behind",
  text: `
    select exists (
      select from (select m.name, ${languageOf} as language from mem0_cc.module m) m
      join mem0_cc.head h on h.module = m.name
      left join mem0_cc.index_place p on p.module = m.name
      where coalesce(p.rules, 0) <= $1
        and (h.position > coalesce(p.position, 0) or coalesce(p.clearing or p.language <> m.language or p.rules < $1, false))
    ) as behind`,
  values: [indexRules],
};

/** Whether any module holds what is not indexed yet: one query for all of them, outside of any transaction. */
export async function isIndexBehind(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  signal?: AbortSignal,
): Promise<boolean> {
  const [row] = await queryAbortably<{ behind: boolean }>(postgres, { ...statement, signal });
  return row?.behind === true;
}
