import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { IndexStep, StepLimits } from "../../domain/index-step.ts";
import { indexRules } from "../../domain/searchable-text.ts";
import { StepFailed } from "../../domain/step-failed.ts";
import { inTransaction } from "../access/in-transaction.ts";
import { type DueModule, indexMemories } from "./index-memories.ts";

/** A step that takes longer is undone, and tried with less. */
const stepTimeoutMs = 10_000;

const giveWay = `
  insert into mem0_cc.index_place (module, language, rules, stepped_at) values ($1, $2, $3, clock_timestamp())
  on conflict (module) do update set stepped_at = excluded.stepped_at`;

/**
 * One step of the index: all of it, or nothing. A module that it fails at goes behind those that wait, in a statement of its own, so that
 * they have their turn. Rejects with StepFailed where it has come to a module.
 */
export async function stepIndex(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  limits: StepLimits,
): Promise<IndexStep> {
  let at: DueModule | undefined;
  const onModule = (module: DueModule | undefined): void => {
    at = module;
  };
  try {
    return await inTransaction(postgres, { timeoutMs: stepTimeoutMs }, (client) =>
      indexMemories(client, limits, onModule),
    );
  } catch (error) {
    if (at === undefined) throw error;
    const { module, language } = at;
    // Where that fails too, it is tried first again.
    await queryAbortably(postgres, { text: giveWay, values: [module, language, indexRules] }).catch(() => undefined);
    throw new StepFailed(module, error);
  }
}
