import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/** Scratch notes with what writes them, and what a module may set; null: as the conductor has it by default. */
export class ScratchAndModuleSettings extends Migration {
  override up(): void {
    this.addSql(`alter table mem0_cc.module
      add column language text,
      add column scratch_notes_max bigint,
      add column scratch_bytes_max bigint,
      add column scratch_ttl_ms bigint,
      add column scratch_ttl_max_ms bigint`);

    // What is stored of notes, a row for each module that has ever had one. A page with room, as the head's.
    this.addSql(`create table mem0_cc.scratch (
      module text primary key,
      notes bigint not null default 0,
      bytes bigint not null default 0,
      revision bigint not null default 0
    ) with (fillfactor = 10)`);

    // By their bytes, so that a prefix is a range of the key, whatever the database's locale.
    this.addSql(`create table mem0_cc.note (
      module text not null,
      key text collate "C" not null,
      text text not null,
      value jsonb,
      size int not null,
      created_at timestamptz(6) not null,
      updated_at timestamptz(6) not null,
      expires_at timestamptz(6) not null,
      revision bigint not null,
      written_by text not null,
      primary key (module, key)
    )`);
    this.addSql(`create index note_module_expires on mem0_cc.note (module, expires_at) include (size)`);

    this.addSql(readFileSync(new URL("scratch.sql", import.meta.url), "utf8"));
  }

  override down(): void {
    this.addSql(`drop function mem0_cc.clean_notes(int)`);
    this.addSql(`drop function mem0_cc.delete_note(text, text, bigint)`);
    this.addSql(`drop function mem0_cc.touch_note(text, text, bigint, bigint, jsonb)`);
    this.addSql(`drop function mem0_cc.put_note(text, text, text, jsonb, bigint, bigint, boolean, text, jsonb)`);
    this.addSql(`drop function mem0_cc.drop_expired(text, timestamptz, int)`);
    this.addSql(`drop function mem0_cc.lock_scratch(text)`);
    this.addSql(`drop table mem0_cc.note, mem0_cc.scratch`);
    this.addSql(`alter table mem0_cc.module
      drop column language,
      drop column scratch_notes_max,
      drop column scratch_bytes_max,
      drop column scratch_ttl_ms,
      drop column scratch_ttl_max_ms`);
  }
}
