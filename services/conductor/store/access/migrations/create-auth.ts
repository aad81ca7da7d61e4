import { Migration } from "@mikro-orm/migrations";

/** The tables of `cos_auth`: principals, their rights and tokens, and the audit with its seals. */
export class CreateAuth extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists cos_auth`);
    this.#createPrincipals();
    this.#createGrantsVersion();
    this.#createAudit();
    this.#createSeals();
  }

  #createPrincipals(): void {
    this.addSql(`create table cos_auth.principal (
      name text primary key,
      kind text not null constraint principal_kind check (kind in ('person', 'agent', 'service')),
      created_at timestamptz(6) not null default now(),
      created_by text not null,
      constraint principal_name_kind unique (name, kind)
    )`);

    // The kind stands here too, so that the database itself refuses an agent that could approve (verbs above 3, RECORD).
    this.addSql(`create table cos_auth.granted (
      principal text not null,
      kind text not null,
      module text not null,
      verb smallint not null constraint granted_verb check (verb between 2 and 5),
      primary key (principal, module),
      constraint granted_principal foreign key (principal, kind) references cos_auth.principal (name, kind),
      constraint granted_agent_never_approves check (kind <> 'agent' or verb <= 3)
    )`);

    this.addSql(`create table cos_auth.token (
      id uuid primary key,
      principal text not null constraint token_principal references cos_auth.principal,
      hash bytea not null constraint token_hash unique,
      created_at timestamptz(6) not null default now(),
      created_by text not null,
      expires_at timestamptz(6),
      last_used_at timestamptz(6),
      revoked_at timestamptz(6)
    )`);
    this.addSql(`create index token_principal_created on cos_auth.token (principal, created_at, id)`);
  }

  #createGrantsVersion(): void {
    // Every process asks for this one number every two seconds: whatever changes a right moves it, in the same transaction.
    this.addSql(`create table cos_auth.grants_version (
      one boolean primary key default true constraint grants_version_one check (one),
      version bigint not null default 0
    )`);
    this.addSql(`insert into cos_auth.grants_version default values`);
    this.addSql(`create function cos_auth.move_grants_version() returns trigger language plpgsql
      set search_path = cos_auth, pg_temp as $$
      begin
        update cos_auth.grants_version set version = version + 1;
        return null;
      end $$`);
    this.addSql(`create trigger granted_moves_version after insert or update or delete on cos_auth.granted
      for each statement execute function cos_auth.move_grants_version()`);
    // When a token was last used says nothing of rights.
    this.addSql(`create trigger token_moves_version after insert or delete or update of revoked_at, expires_at, hash
      on cos_auth.token for each statement execute function cos_auth.move_grants_version()`);
  }

  #createAudit(): void {
    this.addSql(`create table cos_auth.audit (
      number bigint generated always as identity primary key,
      at timestamptz(6) not null default clock_timestamp(),
      principal text not null,
      kind text not null,
      credential text not null,
      via text not null default '',
      action text not null,
      target text not null,
      details jsonb not null default '{}',
      request_id text not null default ''
    )`);
    // Lists go from the latest to the first, and end where `since` says.
    this.addSql(`create index audit_at on cos_auth.audit (at, number)`);
    this.addSql(`create index audit_principal on cos_auth.audit (principal, at, number)`);
    this.addSql(`create index audit_action on cos_auth.audit (action, at, number)`);
  }

  #createSeals(): void {
    // What waits for its seal. Numbers are not committed in their order, so that no number tells where sealing has come to; and
    // looking for entries without a seal would read the whole audit every second.
    this.addSql(`create table cos_auth.unsealed (audit bigint primary key)`);
    this.addSql(`create function cos_auth.await_seal() returns trigger language plpgsql
      set search_path = cos_auth, pg_temp as $$
      begin
        insert into cos_auth.unsealed (audit) values (new.number);
        return null;
      end $$`);
    this.addSql(`create trigger audit_awaits_seal after insert on cos_auth.audit
      for each row execute function cos_auth.await_seal()`);

    // The chain: seal n is made of the one before it and of one entry. Entries are sealed after their commit, so that nobody who
    // writes one waits for anybody else; the order of seals is that of sealing.
    this.addSql(`create table cos_auth.seal (
      number bigint primary key,
      audit bigint not null constraint seal_audit unique,
      hash bytea not null,
      sealed_at timestamptz(6) not null default clock_timestamp()
    )`);

    // For everybody, the owner of the tables included: to change a row, somebody must first switch a trigger off.
    this.addSql(`create function cos_auth.refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception 'cos_auth.% is only ever added to', tg_table_name using errcode = 'insufficient_privilege';
      end $$`);
    for (const table of ["audit", "seal"]) {
      this.addSql(`create trigger ${table}_only_grows before update or delete or truncate on cos_auth.${table}
        for each statement execute function cos_auth.refuse_change()`);
    }
  }

  override down(): void {
    this.addSql(
      `drop table cos_auth.seal, cos_auth.unsealed, cos_auth.audit, cos_auth.grants_version, cos_auth.token, cos_auth.granted,
        cos_auth.principal`,
    );
    this.addSql(`drop function cos_auth.move_grants_version(), cos_auth.await_seal(), cos_auth.refuse_change()`);
  }
}
