import type pg from "pg";

/** A step of a projection that is under way: its transaction, and what its statements begin with ($1 to $3). */
export interface Step {
  readonly generation: number;
  readonly module: string;
  /** Of the delta that is written; 0 while reading. */
  readonly position: number;
  /** Runs a statement, prepared by this name. Values follow the three. */
  query<Row extends pg.QueryResultRow>(name: string, text: string, values: readonly unknown[]): Promise<Row[]>;
}
