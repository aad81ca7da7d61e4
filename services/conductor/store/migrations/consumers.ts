import { readFileSync } from "node:fs";
import { Migration } from "@mikro-orm/migrations";

/** Durable consumers: their places, members, what they hold, and what they could not do. */
export class Consumers extends Migration {
  override up(): void {
    // Numbers memberships, and versions of consumers: what was made anew under an old name is never taken for what it was.
    this.addSql(`create sequence mem0_cc.consumer_generation`);
    this.addSql(`create table mem0_cc.consumer (
      name text primary key,
      modules text[] not null,
      all_modules boolean not null,
      filter jsonb,
      key smallint not null,
      lease_ms int not null,
      max_attempts int not null,
      max_in_flight int not null,
      ack_deadline_ms int,
      backoff_initial_ms int not null,
      backoff_max_ms int not null,
      description text not null default '',
      paused boolean not null default false,
      created_by text not null,
      created_at timestamptz(6) not null default clock_timestamp(),
      updated_at timestamptz(6) not null default clock_timestamp(),
      revision bigint not null default 1,
      version bigint not null default nextval('mem0_cc.consumer_generation')
    )`);

    // Everything up to read_through was looked at: handed out, or not wanted. A page with room, as the head's.
    this.addSql(`create table mem0_cc.consumer_place (
      consumer text not null,
      module text not null,
      read_through bigint not null,
      primary key (consumer, module)
    ) with (fillfactor = 50)`);

    this.addSql(`create table mem0_cc.consumer_member (
      consumer text not null,
      generation bigint not null,
      name text not null,
      principal text not null,
      lease_ms int not null,
      joined_at timestamptz(6) not null,
      lease_until timestamptz(6) not null,
      primary key (consumer, generation),
      constraint consumer_member_name unique (consumer, name)
    ) with (fillfactor = 50)`);

    // A row for each event that was handed out, or waits for it, until it is settled: a small table through which much goes, so what is
    // dead is cleared away early and without pauses.
    this.addSql(`create table mem0_cc.delivery (
      consumer text not null,
      module text not null,
      position bigint not null,
      key bigint,
      generation bigint,
      member text,
      failures int not null default 0,
      losses int not null default 0,
      given_at timestamptz(6),
      due_at timestamptz(6),
      error text,
      primary key (consumer, module, position)
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
            autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000)`);
    this.addSql(
      `create index delivery_key on mem0_cc.delivery (consumer, module, key, position) where key is not null`,
    );
    this.addSql(`create index delivery_error on mem0_cc.delivery (module, position) where error is not null`);

    this.addSql(`create table mem0_cc.dead_letter (
      consumer text not null,
      module text not null,
      position bigint not null,
      attempts int not null,
      error text,
      reason smallint not null,
      dead_at timestamptz(6) not null,
      member text not null,
      primary key (consumer, module, position)
    )`);
    this.addSql(`create index dead_letter_error on mem0_cc.dead_letter (module, position) where error is not null`);

    for (const file of ["consumers.sql", "consumer-members.sql"])
      this.addSql(readFileSync(new URL(file, import.meta.url), "utf8"));
  }

  override down(): void {
    for (const name of functions) this.addSql(`drop function mem0_cc.${name}`);
    this.addSql(
      `drop table mem0_cc.dead_letter, mem0_cc.delivery, mem0_cc.consumer_member, mem0_cc.consumer_place, mem0_cc.consumer`,
    );
    this.addSql(`drop sequence mem0_cc.consumer_generation`);
  }
}

const functions = [
  "consumer_take(text, bigint, bigint, text, bigint, bigint, bigint[], bigint[])",
  "consumer_claim(text, bigint, int)",
  "consumer_settle(text, bigint, text, bigint[], int, bigint, text)",
  "consumer_join(text, text, text)",
  "consumer_leave(text, bigint, boolean)",
  "consumer_expire(text)",
  "consumer_free(text, bigint, boolean)",
  "consumer_fail(text, text, bigint[], bigint, text)",
  "consumer_take_back(text, text, bigint[], bigint[])",
  "consumer_bury(text, text, bigint[], int, text)",
  "forgotten_of(text, bigint[])",
];
