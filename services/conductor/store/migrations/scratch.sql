-- Scratch notes: written, touched, deleted and cleaned away.
--
-- Purpose   keep notes by key for their time to live, within the bounds of their module.
-- Owner     the conductor's scratch store; every write of mem0_cc.note and mem0_cc.scratch goes through these functions.
--
--  N1  The module's row of mem0_cc.scratch is locked first, by a statement of its own. So notes of one module are written one call after
--      the other, each sees under READ COMMITTED what those before it have committed, and no two calls can deadlock.
--  N2  Retiring a module takes the same lock (and the head's): once it is committed no note is written there any more.
--  N3  The clock is the database's, read after the lock. A note whose time has come is not there, for revisions and bounds either, whether
--      or not it has been cleaned away.
--  N4  scratch.notes and scratch.bytes count what is stored, which is never less than what lives: a note that fits them fits. Only one that
--      does not makes us count what lives, and take away some of what has expired.
--  N5  A bound refuses what would grow over it. Overwriting a note by one that is no larger is always possible, even where a bound was lowered.
--  N6  scratch.revision only rises, so that a revision is given once in a module, whatever has expired or was deleted meanwhile.
--  N7  Of the processes that clean one does so at a time (an advisory lock), p_rows_max rows of one module at a time: callers wait for no
--      more than that. The module whose notes have waited longest comes first.
--
-- Failure   any error undoes the whole call. Cleaning up is never needed for a right answer.

create function mem0_cc.lock_scratch(p_module text)
returns void
language plpgsql
set search_path = mem0_cc, pg_temp
as $$
begin
  perform 1 from mem0_cc.scratch s where s.module = p_module for no key update;
  if not found then
    -- The first note of the module. Modules are never deleted.
    insert into mem0_cc.scratch (module) select m.name from mem0_cc.module m where m.name = p_module on conflict do nothing;
    perform 1 from mem0_cc.scratch s where s.module = p_module for no key update;
  end if;
end
$$;

-- Takes away up to p_rows_max notes of a module that have expired by p_now; answers with how many. The module's row is locked (N1).
create function mem0_cc.drop_expired(p_module text, p_now timestamptz, p_rows_max int)
returns int
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_notes bigint;
  v_bytes bigint;
begin
  with gone as (
    delete from mem0_cc.note n
    where n.module = p_module and n.key = any (array(
      select e.key from mem0_cc.note e
      where e.module = p_module and e.expires_at <= p_now
      order by e.expires_at limit p_rows_max))
    returning n.size
  )
  select count(*), coalesce(sum(g.size), 0) into v_notes, v_bytes from gone g;
  update mem0_cc.scratch s set notes = s.notes - v_notes, bytes = s.bytes - v_bytes where s.module = p_module and v_notes > 0;
  return v_notes;
end
$$;

-- p_defaults   what counts where the module sets nothing: {notes_max, bytes_max, ttl_ms, ttl_max_ms}
-- Answers      one row. written: the note's figures. revision_stale, note_exists: the revision that is there, null for none.
--              notes_exceeded, bytes_exceeded, ttl_too_long: the bound. module_unknown, module_retired.
create function mem0_cc.put_note(
  p_module text, p_key text, p_text text, p_value jsonb, p_ttl_ms bigint, p_revision bigint, p_only_if_absent boolean,
  p_written_by text, p_defaults jsonb)
returns table (outcome text, revision bigint, bound bigint, size int, created_us bigint, updated_us bigint, expires_us bigint)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_module record;
  v_old record;
  -- Of the row under the key, living or not; null: there is none.
  v_old_size int;
  v_lives boolean;
  v_now timestamptz;
  v_expires timestamptz;
  v_created timestamptz;
  v_ttl_ms bigint;
  v_size int;
  v_notes bigint;
  v_bytes bigint;
  v_revision bigint;
begin
  perform mem0_cc.lock_scratch(p_module);
  v_now := clock_timestamp();
  select m.state, s.notes, s.bytes, s.revision,
         coalesce(m.scratch_notes_max, (p_defaults ->> 'notes_max')::bigint) as notes_max,
         coalesce(m.scratch_bytes_max, (p_defaults ->> 'bytes_max')::bigint) as bytes_max,
         coalesce(m.scratch_ttl_ms, (p_defaults ->> 'ttl_ms')::bigint) as ttl_ms,
         coalesce(m.scratch_ttl_max_ms, (p_defaults ->> 'ttl_max_ms')::bigint) as ttl_max_ms
    into v_module
    from mem0_cc.module m join mem0_cc.scratch s on s.module = m.name
    where m.name = p_module;
  if not found then
    outcome := 'module_unknown';
    return next;
    return;
  end if;
  if v_module.state <> 'active' then
    outcome := 'module_retired';
    return next;
    return;
  end if;
  v_ttl_ms := coalesce(p_ttl_ms, least(v_module.ttl_ms, v_module.ttl_max_ms));
  if v_ttl_ms > v_module.ttl_max_ms then
    outcome := 'ttl_too_long';
    bound := v_module.ttl_max_ms;
    return next;
    return;
  end if;

  select n.size, n.revision, n.created_at, n.expires_at into v_old
    from mem0_cc.note n where n.module = p_module and n.key = p_key;
  v_lives := coalesce(v_old.expires_at > v_now, false);
  v_old_size := v_old.size;
  if p_only_if_absent and v_lives then
    outcome := 'note_exists';
    revision := v_old.revision;
    return next;
    return;
  end if;
  if p_revision > 0 and not (v_lives and v_old.revision = p_revision) then
    outcome := 'revision_stale';
    revision := case when v_lives then v_old.revision end;
    return next;
    return;
  end if;

  v_size := octet_length(p_key) + octet_length(p_text) + coalesce(octet_length(p_value::text), 0);
  v_notes := v_module.notes + case when v_old_size is null then 1 else 0 end;
  v_bytes := v_module.bytes + v_size - coalesce(v_old_size, 0);
  if v_notes > v_module.notes_max or v_bytes > v_module.bytes_max then
    -- N4, N5
    select count(*) + 1, coalesce(sum(n.size), 0) + v_size into v_notes, v_bytes
      from mem0_cc.note n where n.module = p_module and n.expires_at > v_now and n.key <> p_key;
    if v_notes > v_module.notes_max and not v_lives then
      outcome := 'notes_exceeded';
      bound := v_module.notes_max;
      return next;
      return;
    end if;
    if v_bytes > v_module.bytes_max and not (v_lives and v_size <= v_old_size) then
      outcome := 'bytes_exceeded';
      bound := v_module.bytes_max;
      return next;
      return;
    end if;
    perform mem0_cc.drop_expired(p_module, v_now, 500);
    select n.size into v_old_size from mem0_cc.note n where n.module = p_module and n.key = p_key;
  end if;

  v_revision := v_module.revision + 1;
  v_created := case when v_lives then v_old.created_at else v_now end;
  v_expires := v_now + v_ttl_ms * interval '1 millisecond';
  insert into mem0_cc.note (module, key, text, value, size, created_at, updated_at, expires_at, revision, written_by)
    values (p_module, p_key, p_text, p_value, v_size, v_created, v_now, v_expires, v_revision, p_written_by)
    on conflict (module, key) do update
    set text = excluded.text, value = excluded.value, size = excluded.size, created_at = excluded.created_at,
        updated_at = excluded.updated_at, expires_at = excluded.expires_at, revision = excluded.revision,
        written_by = excluded.written_by;
  update mem0_cc.scratch s
    set notes = s.notes + case when v_old_size is null then 1 else 0 end,
        bytes = s.bytes + v_size - coalesce(v_old_size, 0),
        revision = v_revision
    where s.module = p_module;
  outcome := 'written';
  revision := v_revision;
  size := v_size;
  created_us := (extract(epoch from v_created) * 1000000)::bigint;
  updated_us := (extract(epoch from v_now) * 1000000)::bigint;
  expires_us := (extract(epoch from v_expires) * 1000000)::bigint;
  return next;
end
$$;

-- Answers      one row. touched: the note's figures. revision_stale: the revision that is there. ttl_too_long: the bound. note_unknown,
--              module_unknown, module_retired.
create function mem0_cc.touch_note(p_module text, p_key text, p_ttl_ms bigint, p_revision bigint, p_defaults jsonb)
returns table (
  outcome text, revision bigint, bound bigint, size int, created_us bigint, updated_us bigint, expires_us bigint, written_by text)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_module record;
  v_note record;
  v_now timestamptz;
  v_expires timestamptz;
  v_ttl_ms bigint;
begin
  perform mem0_cc.lock_scratch(p_module);
  v_now := clock_timestamp();
  select m.state,
         coalesce(m.scratch_ttl_ms, (p_defaults ->> 'ttl_ms')::bigint) as ttl_ms,
         coalesce(m.scratch_ttl_max_ms, (p_defaults ->> 'ttl_max_ms')::bigint) as ttl_max_ms
    into v_module from mem0_cc.module m where m.name = p_module;
  v_ttl_ms := coalesce(p_ttl_ms, least(v_module.ttl_ms, v_module.ttl_max_ms));
  select n.revision, n.size, n.created_at, n.updated_at, n.written_by into v_note
    from mem0_cc.note n where n.module = p_module and n.key = p_key and n.expires_at > v_now;
  if v_module.state is null then
    outcome := 'module_unknown';
  elsif v_module.state <> 'active' then
    outcome := 'module_retired';
  elsif v_ttl_ms > v_module.ttl_max_ms then
    outcome := 'ttl_too_long';
    bound := v_module.ttl_max_ms;
  elsif v_note.revision is null then
    outcome := 'note_unknown';
  elsif p_revision > 0 and v_note.revision <> p_revision then
    outcome := 'revision_stale';
    revision := v_note.revision;
  else
    v_expires := v_now + v_ttl_ms * interval '1 millisecond';
    update mem0_cc.note n set expires_at = v_expires where n.module = p_module and n.key = p_key;
    outcome := 'touched';
    revision := v_note.revision;
    size := v_note.size;
    created_us := (extract(epoch from v_note.created_at) * 1000000)::bigint;
    updated_us := (extract(epoch from v_note.updated_at) * 1000000)::bigint;
    expires_us := (extract(epoch from v_expires) * 1000000)::bigint;
    written_by := v_note.written_by;
  end if;
  return next;
end
$$;

-- Answers      one row: deleted, note_unknown, or revision_stale with the revision that is there.
create function mem0_cc.delete_note(p_module text, p_key text, p_revision bigint)
returns table (outcome text, revision bigint)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_old record;
begin
  perform mem0_cc.lock_scratch(p_module);
  select n.revision, n.size into v_old
    from mem0_cc.note n where n.module = p_module and n.key = p_key and n.expires_at > clock_timestamp();
  revision := v_old.revision;
  if revision is null then
    outcome := 'note_unknown';
  elsif p_revision > 0 and revision <> p_revision then
    outcome := 'revision_stale';
  else
    delete from mem0_cc.note n where n.module = p_module and n.key = p_key;
    update mem0_cc.scratch s set notes = s.notes - 1, bytes = s.bytes - v_old.size where s.module = p_module;
    outcome := 'deleted';
  end if;
  return next;
end
$$;

-- Cleans away up to p_rows_max expired notes (N7); answers with how many. 0: there are none, or another process is at it.
create function mem0_cc.clean_notes(p_rows_max int)
returns int
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_module text;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('cos clean notes', 0)) then
    return 0;
  end if;
  select s.module into v_module
    from mem0_cc.scratch s
    cross join lateral (
      select n.expires_at from mem0_cc.note n where n.module = s.module order by n.expires_at limit 1) first
    where first.expires_at <= clock_timestamp()
    order by first.expires_at limit 1;
  if v_module is null then
    return 0;
  end if;
  perform mem0_cc.lock_scratch(v_module);
  return mem0_cc.drop_expired(v_module, clock_timestamp(), p_rows_max);
end
$$;
