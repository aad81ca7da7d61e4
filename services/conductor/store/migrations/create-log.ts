import { Migration } from "@mikro-orm/migrations";

/** The tables of the log, with `cc` registered. */
export class CreateLog extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists mem0_cc`);

    this.addSql(`create table mem0_cc.module (
      name text primary key,
      number int not null constraint module_number_unique unique,
      title text not null,
      description text not null default '',
      state text not null default 'active',
      created_at timestamptz(6) not null default now(),
      updated_at timestamptz(6) not null default now(),
      revision bigint not null default 1
    )`);

    // A page with room: the head's row is updated by every batch, and a version that fits beside the old one touches no index.
    this.addSql(`create table mem0_cc.head (
      module text primary key,
      position bigint not null default 0,
      recorded_at timestamptz(6)
    ) with (fillfactor = 10)`);

    // No foreign key to module: its check would lock the module's row once for each memory, and record_batch has looked already.
    this.addSql(`create table mem0_cc.memory (
      module text not null,
      position bigint not null,
      id uuid not null,
      event_type text not null,
      source text not null default '',
      text text not null default '',
      occurred_at timestamptz(6) not null,
      recorded_at timestamptz(6) not null,
      session_id text,
      tags text[] not null default '{}',
      payload jsonb,
      payload_type text,
      request_id text not null default '',
      trace_id text,
      traceparent text,
      causation_id uuid,
      prompt_trace jsonb,
      idempotency_key text,
      content_hash bytea,
      size int not null,
      forgotten_at timestamptz(6),
      recorded_by text,
      primary key (module, position),
      constraint memory_module_id unique (module, id)
    )`);
    this.addSql(
      `create unique index memory_module_key on mem0_cc.memory (module, idempotency_key) where idempotency_key is not null`,
    );
    this.addSql(
      `create index memory_module_session on mem0_cc.memory (module, session_id, position) where session_id is not null`,
    );
    this.addSql(`create index memory_module_occurred on mem0_cc.memory (module, occurred_at, position)`);
    this.addSql(`create index memory_id on mem0_cc.memory (id)`);

    this.addSql(`create table mem0_cc.epoch (
      generation int primary key,
      identity text not null constraint epoch_identity_unique unique,
      system_identifier text not null,
      timeline bigint not null,
      database_oid bigint not null,
      forks jsonb not null default '{}',
      began_at timestamptz(6) not null default now()
    )`);

    this.addSql(`insert into mem0_cc.module (name, number, title, description)
      values ('cc', 1, 'cc', 'The Creative Conductor: what no other module claims.')`);
    this.addSql(`insert into mem0_cc.head (module) values ('cc')`);
  }

  override down(): void {
    this.addSql(`drop table mem0_cc.epoch, mem0_cc.memory, mem0_cc.head, mem0_cc.module`);
  }
}
