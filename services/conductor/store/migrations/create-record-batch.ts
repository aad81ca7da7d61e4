import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/** The function that numbers and stores batches; its invariants are told in record-batch.sql. */
export class CreateRecordBatch extends Migration {
  override up(): void {
    this.addSql(readFileSync(new URL("record-batch.sql", import.meta.url), "utf8"));
  }

  override down(): void {
    this.addSql(`drop function mem0_cc.record_batch(json, boolean, boolean)`);
  }
}
