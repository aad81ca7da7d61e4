import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/** The function that numbers and stores batches, as this migration was released; what it is now, record-batch.sql tells. */
export class CreateRecordBatch extends Migration {
  override up(): void {
    this.addSql(readFileSync(new URL("record-batch-0002.sql", import.meta.url), "utf8"));
  }

  override down(): void {
    this.addSql(`drop function mem0_cc.record_batch(json, boolean, boolean)`);
  }
}
