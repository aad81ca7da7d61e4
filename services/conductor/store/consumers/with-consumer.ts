import type pg from "pg";
import type { Consumer } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { inTransaction } from "../access/in-transaction.ts";
import { scopeParameter } from "../visibility.ts";
import { type ConsumerRow, consumerColumns, consumerOf, visibleConsumer } from "./consumer-rows.ts";
import { type ConsumerStore, consumerNotFound } from "./consumer-store.ts";

/** Throws where the caller may not change this consumer, which it may see. */
export type JudgeConsumer = (consumer: Consumer) => void;

/** Whose call it is, and whether it may change the consumer. */
export interface ChangeCall extends Pick<CallContext, "scope" | "signal"> {
  readonly judge: JudgeConsumer;
}

/**
 * Works on a consumer that the caller may change, whose row is locked meanwhile (C1): all of it is committed, or nothing. Rejects with
 * CONSUMER_NOT_FOUND unless the scope holds all its modules, and as `judge` throws.
 */
export function withConsumer<T>(
  store: ConsumerStore,
  { scope, signal, judge }: ChangeCall,
  name: string,
  work: (client: pg.ClientBase, row: ConsumerRow) => Promise<T>,
): Promise<T> {
  return inTransaction(store.postgres, { signal, timeoutMs: store.timeoutMs }, async (client) => {
    const { rows } = await client.query<ConsumerRow>({
      text: `select ${consumerColumns} from mem0_cc.consumer c where c.name = $1 and ${visibleConsumer("$2")} for update`,
      values: [name, scopeParameter(scope)],
    });
    const row = rows[0];
    if (row === undefined) throw consumerNotFound(name);
    judge(consumerOf(row));
    return work(client, row);
  });
}
