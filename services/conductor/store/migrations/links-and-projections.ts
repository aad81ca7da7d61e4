import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/** Links between memories, which forgetting ends; and how far the projections of the log say that they have come. */
export class LinksAndProjections extends Migration {
  override up(): void {
    for (const file of FILES) this.addSql(sqlOf(file));
    this.addSql(`create table mem0_cc.projection (
      name text primary key,
      generation text not null,
      state text not null,
      reported_at timestamptz(6) not null
    )`);
    this.addSql(`create table mem0_cc.projection_place (
      module text not null,
      projection text not null,
      generation text not null,
      position bigint not null,
      epoch text not null,
      primary key (module, projection)
    )`);
    this.addSql(`create table mem0_cc.projection_parked (
      module text not null,
      projection text not null,
      position bigint not null,
      generation text not null,
      error text not null,
      primary key (module, projection, position)
    )`);
  }

  override down(): void {
    this.addSql(`drop table mem0_cc.projection_parked, mem0_cc.projection_place, mem0_cc.projection`);
    this.addSql(`drop function mem0_cc.forget_batch(text, bigint[], jsonb)`);
    this.addSql(sqlOf("forget-batch-0003.sql"));
    this.addSql(`drop function mem0_cc.rebuild_links(text)`);
    this.addSql(`drop function mem0_cc.end_links(text, bigint[], jsonb)`);
    this.addSql(`drop function mem0_cc.links_touching(text, bigint[])`);
    this.addSql(`drop function mem0_cc.unlink_memories(text, bigint, text, text, bigint, jsonb)`);
    this.addSql(`drop function mem0_cc.link_memories(text, bigint, text, text, bigint, jsonb)`);
    this.addSql(`drop function mem0_cc.ended_link(mem0_cc.link)`);
    this.addSql(`drop function mem0_cc.new_id()`);
    this.addSql(`drop table mem0_cc.link`);
  }
}

/** In the order in which each needs those before it. */
const FILES = [
  "link-table.sql",
  "new-id.sql",
  "ended-link.sql",
  "link-memories.sql",
  "unlink-memories.sql",
  "links-touching.sql",
  "end-links.sql",
  "rebuild-links.sql",
  "forget-batch.sql",
];

function sqlOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), "utf8");
}
