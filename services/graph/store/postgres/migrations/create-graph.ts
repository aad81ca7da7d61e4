import { Migration } from "@mikro-orm/migrations";

/**
 * The tables of `cos_graph`. Every key holds generation and module, so that the tables may be partitioned by either.
 *
 * Of the large tables each index begins with something else, and no statement asks for the beginning of an index that it does not mean
 * (`(-generation)` stands where there was nothing else to begin with). So for each there is one index to take, and statistics of a table
 * that was empty a minute ago cannot make the planner choose another one. Where a statement asks for more than its index
 * holds, it says `(...) is true`, which no index answers.
 *
 * Ids are compared as UUIDs, which is the order of their texts; texts by the collation "C", byte by byte (G6).
 */
export class CreateGraph extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists cos_graph`);
    this.#createGenerations();
    this.#createNodes();
    this.#createEdges();
    this.#createNames();
    this.#createSides();
  }

  #createGenerations(): void {
    // Numbers are never given twice, also of generations that were dropped: cursors of watchers name them.
    this.addSql(`create sequence cos_graph.generation_number as int`);
    this.addSql(`create table cos_graph.generation (
      number int primary key,
      state text not null constraint generation_state check (state in ('live', 'building', 'retired')),
      purpose text not null,
      extractor_version int not null,
      began_ms bigint not null,
      alive_ms bigint not null default 0,
      retired_ms bigint,
      resume_token text not null default '',
      dropping boolean not null default false
    ) with (fillfactor = 50)`);
    this.addSql(`create unique index generation_live on cos_graph.generation (state) where state = 'live'`);
    this.addSql(`create unique index generation_building on cos_graph.generation (state) where state = 'building'`);

    // A page with room: each step updates one row, and a version that fits beside the old one touches no index.
    this.addSql(`create table cos_graph.place (
      generation int not null,
      module text collate "C" not null,
      position bigint not null,
      epoch text not null,
      at_ms bigint not null,
      primary key (generation, module)
    ) with (fillfactor = 10)`);
  }

  #createNodes(): void {
    this.addSql(`create table cos_graph.node (
      generation int not null,
      count int not null,
      position bigint not null,
      changed bigint not null,
      revision bigint not null,
      occurred_ms bigint,
      id uuid not null,
      forgotten boolean not null,
      module text collate "C" not null,
      label text collate "C" not null,
      kind text collate "C" not null,
      key text collate "C" not null,
      name text collate "C" not null,
      origin text collate "C" not null,
      event_type text collate "C" not null,
      session text collate "C" not null,
      properties jsonb,
      primary key (id, generation, module)
    )`);
    this.addSql(`create index node_count on cos_graph.node (label, generation, module, (-count), id)`);
    this.addSql(`create index node_changed on cos_graph.node ((-generation), module, changed, id)`);
    // Names may be as long as a page of the index: their hashes stand there instead.
    this.addSql(`create index node_name on cos_graph.node (hashtextextended(name, 0), generation, module)`);
    this.addSql(
      `create index node_session on cos_graph.node (session, generation, module, position) where session <> ''`,
    );
    this.addSql(
      `create index node_occurred on cos_graph.node (forgotten, generation, module, occurred_ms) where occurred_ms is not null`,
    );
    this.addSql(`create index node_properties on cos_graph.node (generation, module) where properties is not null`);

    // Beside the nodes, since their counts change all the time, and what they are called hardly ever.
    this.addSql(`create table cos_graph.words (
      generation int not null,
      id uuid not null,
      module text collate "C" not null,
      memory boolean not null,
      words tsvector not null,
      primary key (id, generation, module)
    )`);
    this.addSql(`create index words_of_memories on cos_graph.words using gin (words) where memory`);
    this.addSql(`create index words_of_others on cos_graph.words using gin (words) where not memory`);
  }

  #createEdges(): void {
    // `lane`: generation and type (edge-lanes.ts). `loose`: at least one end may be missing, or lies in another module; whoever shows it has to look. Of all others both ends are
    // there, in the module itself.
    this.addSql(`create table cos_graph.edge (
      generation int not null,
      count int not null,
      position bigint not null,
      changed bigint not null,
      revision bigint not null,
      id uuid not null,
      from_id uuid not null,
      to_id uuid not null,
      loose boolean not null,
      module text collate "C" not null,
      type text collate "C" not null,
      origin text collate "C" not null,
      lane int not null,
      mention_kind text collate "C",
      mention_key text collate "C",
      mention_count int,
      forms text[],
      passages int[],
      properties jsonb,
      primary key (id, generation, module)
    )`);
    // In the order of neighbours, as one comparison: greatest count, latest position, id.
    this.addSql(`create index edge_from on cos_graph.edge (from_id, lane, (-count), (-position), id)`);
    this.addSql(`create index edge_to on cos_graph.edge (to_id, lane, (-count), (-position), id)`);
    // Without the id, which would cost more than sorting those of one position when they are read.
    this.addSql(`create index edge_changed on cos_graph.edge ((-generation), module, changed)`);
    this.addSql(`create index edge_loose on cos_graph.edge (generation, module) where loose`);
    this.addSql(
      `create index edge_manual_from on cos_graph.edge (from_id, generation, (-count), (-position), id) where origin = 'manual'`,
    );
    this.addSql(
      `create index edge_manual_to on cos_graph.edge (to_id, generation, (-count), (-position), id) where origin = 'manual'`,
    );
  }

  #createNames(): void {
    // `id` follows from kind, key and form, which may be too long for an index.
    this.addSql(`create table cos_graph.name (
      generation int not null,
      count int not null,
      entity uuid not null,
      id uuid not null,
      module text collate "C" not null,
      kind text collate "C" not null,
      key text collate "C" not null,
      form text collate "C" not null,
      words tsvector not null,
      primary key (entity, generation, module, id)
    ) with (fillfactor = 70)`);
    this.addSql(`create index name_words on cos_graph.name using gin (words)`);
  }

  #createSides(): void {
    this.addSql(`create table cos_graph.removed (
      generation int not null,
      changed bigint not null,
      id uuid not null,
      module text collate "C" not null,
      primary key (id, generation, module)
    )`);
    this.addSql(`create index removed_changed on cos_graph.removed ((-generation), module, changed, id)`);

    // How many there are of each: nodes, edges that are not loose, and memories that are not forgotten (what: memory).
    this.addSql(`create table cos_graph.tally (
      generation int not null,
      count bigint not null,
      module text collate "C" not null,
      what text collate "C" not null,
      name text collate "C" not null,
      kind text collate "C" not null,
      origin text collate "C" not null,
      primary key (generation, module, what, name, kind, origin)
    ) with (fillfactor = 20)`);

    // As text: it is read and written whole, and comes back as it was written.
    this.addSql(`create table cos_graph.naming (
      generation int not null,
      module text collate "C" not null,
      naming text not null,
      primary key (generation, module)
    )`);

    this.addSql(`create table cos_graph.fault (
      generation int not null,
      position bigint not null,
      attempts int not null,
      at_ms bigint not null,
      module text collate "C" not null,
      memory_id text not null,
      kind text collate "C" not null,
      error text not null,
      primary key (generation, module, position)
    )`);
    this.addSql(`create index fault_kind on cos_graph.fault (generation, module, kind, position)`);
  }

  override down(): void {
    this.addSql(`drop table cos_graph.fault, cos_graph.naming, cos_graph.tally, cos_graph.removed, cos_graph.name, cos_graph.edge,
      cos_graph.words, cos_graph.node, cos_graph.place, cos_graph.generation`);
    this.addSql(`drop sequence cos_graph.generation_number`);
  }
}
