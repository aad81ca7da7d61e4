import type { Client } from "pg";
import pg from "pg";
import { plannerSettings } from "#services/graph/store/postgres/graph-schema.ts";
import type { Step } from "#services/graph/store/postgres/step.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";

/** A node of a plan, as `explain (format json)` tells it. */
export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

export interface Explained {
  /** For the functions that read. */
  readonly postgres: Postgres;
  /** For those that write. */
  readonly step: Step;
  /** Of the statement of this name, its plan's nodes; the same plan is asked for again and again, as a store would. */
  planOf(name: string): Promise<PlanNode[]>;
  /** From now on statements are run too, and the plans tell what they met. */
  analyze(): void;
}

/**
 * Takes the statements that the store's functions send, and explains them instead: prepared when they are first sent and never planned
 * anew, with the store's own planner settings, so that the plans are those of a store that was opened then.
 */
export async function explainedStatements(client: Client): Promise<Explained> {
  for (const [name, value] of Object.entries(plannerSettings)) await client.query(`set ${name} = ${value}`);
  const statements = new Map<string, { text: string; values: readonly unknown[] }>();
  let options = "format json";
  const take = async ({ name = "", text, values }: { name?: string; text: string; values: readonly unknown[] }) => {
    if (!statements.has(name)) {
      await client.query(`prepare ${name} as ${text}`);
      await client.query(`explain execute ${name}${argumentsOf(values)}`);
    }
    statements.set(name, { text, values });
    return { rows: [] };
  };
  const connection = { query: take, release: () => undefined, processID: 0 };
  return {
    postgres: { pool: { connect: async () => connection } } as unknown as Postgres,
    step: {
      generation: 1,
      module: "cc",
      position: 9,
      query: async (name, text, values) => (await take({ name, text, values: [1, "cc", 9, ...values] })).rows,
    },
    planOf: async (name) => {
      const values = statements.get(name)?.values ?? [];
      const { rows } = await client.query(`explain (${options}) execute ${name}${argumentsOf(values)}`);
      return nodesOf(rows[0]["QUERY PLAN"][0].Plan as PlanNode);
    },
    analyze: () => {
      options = "analyze, timing off, format json";
    },
  };
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function argumentsOf(values: readonly unknown[]): string {
  return values.length === 0 ? "" : `(${values.map(literalOf).join(", ")})`;
}

function literalOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return pg.escapeLiteral(Array.isArray(value) ? `{${value.join(",")}}` : `${value as string | number}`);
}
