import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/**
 * Forgetting, and who recorded a memory: record_batch is replaced by one that stores it, and forget_batch joins it, as this migration was
 * released; what it is now, forget-batch.sql tells.
 */
export class Forgetting extends Migration {
  override up(): void {
    // 0: nothing was ever forgotten in the module.
    this.addSql(`alter table mem0_cc.head add column forgetting bigint not null default 0`);
    this.addSql(sqlOf("record-batch.sql"));
    this.addSql(sqlOf("forget-batch-0003.sql"));
  }

  override down(): void {
    this.addSql(`drop function mem0_cc.forget_batch(text, bigint[], jsonb)`);
    this.addSql(`drop function mem0_cc.record_batch(json, boolean, boolean)`);
    this.addSql(sqlOf("record-batch-0002.sql"));
    this.addSql(`alter table mem0_cc.head drop column forgetting`);
  }
}

function sqlOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), "utf8");
}
