-- A UUIDv7, as the servers of the mesh make them: of the time in milliseconds and of chance.
create function mem0_cc.new_id()
returns uuid
language sql
volatile
as $$
  select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
          || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$
