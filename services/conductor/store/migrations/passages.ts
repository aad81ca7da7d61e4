import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/** What SearchMemories looks into: passages, how many hold each word, and how far each module has been indexed. */
export class Passages extends Migration {
  override up(): void {
    // Without foreign keys, as the log: a row for each passage, written by the indexer alone.
    this.addSql(`create table mem0_cc.passage (
      module text not null,
      position bigint not null,
      part int not null,
      session_id text not null default '',
      source text not null,
      event_type text not null,
      tags text[] not null,
      occurred_at timestamptz(6) not null,
      recorded_at timestamptz(6) not null,
      start_at int not null,
      length int not null,
      words int not null,
      lex tsvector not null,
      primary key (module, position, part)
    )`);
    // A module is a key of this index too: words that a million foreign rows hold are passed over within it. What waits to be
    // sorted in is read by every search, so it may not be much.
    this.addSql(`create index passage_lex on mem0_cc.passage using gin (lex, (array[module]))
      with (fastupdate = on, gin_pending_list_limit = 1024)`);
    this.addSql(`create index passage_module_session on mem0_cc.passage (module, session_id, position, part)`);
    this.addSql(`create index passage_module_occurred on mem0_cc.passage (module, occurred_at)`);

    this.addSql(`create table mem0_cc.term (
      module text not null,
      lexeme text collate "C" not null,
      df bigint not null,
      primary key (module, lexeme)
    ) with (fillfactor = 80)`);

    this.addSql(`create table mem0_cc.index_place (
      module text primary key,
      position bigint not null default 0,
      passages bigint not null default 0,
      words bigint not null default 0,
      language text not null,
      rules int not null,
      clearing boolean not null default false,
      stepped_at timestamptz(6)
    )`);
    this.addSql(readFileSync(new URL("near-lexemes.sql", import.meta.url), "utf8"));
    this.addSql(readFileSync(new URL("add-trigrams.sql", import.meta.url), "utf8"));
  }

  override down(): void {
    // The extension stays: another schema may use it.
    this.addSql(`drop function mem0_cc.near_lexemes(text[], text)`);
    this.addSql(`drop table mem0_cc.index_place, mem0_cc.term, mem0_cc.passage`);
  }
}
