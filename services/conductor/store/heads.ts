import type { ModuleHead } from "#shared/highway/log-port.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";

const statement = {
  name: "heads",
  text: `select m.name, m.number, h.position, h.forgetting
         from mem0_cc.module m join mem0_cc.head h on h.module = m.name
         order by m.number`,
};

interface HeadRow {
  readonly name: string;
  readonly number: number;
  readonly position: string;
  readonly forgetting: string;
}

/** The last position of every module, and that of its last forgetting, ascending by number, in one query. */
export async function heads(postgres: Postgres, signal?: AbortSignal): Promise<ModuleHead[]> {
  const rows = await queryAbortably<HeadRow>(postgres, { ...statement, signal });
  return rows.map(({ name, number, position, forgetting }) => ({
    module: name,
    number,
    position: Number(position),
    forgetting: Number(forgetting),
  }));
}
