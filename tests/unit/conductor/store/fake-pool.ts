import { EventEmitter } from "node:events";
import type pg from "pg";

/** What the fake server was asked: a statement that prepares a session, or a batch with its texts. */
export type Asked = { readonly session: true } | { readonly session: false; readonly texts: readonly string[] };

type Row = { readonly n: number; readonly text: string };
type Query = { readonly text: string; readonly values: readonly unknown[]; readonly query_timeout?: number };

/** An error of PostgreSQL, by its code. */
export const sqlError = (code: string): Error => Object.assign(new Error(code), { code });

/**
 * A pool whose server records every batch, under positions from 1, unless `answer` says otherwise: by throwing, or by a promise that
 * the server needs. `released` tells of each connection that came back whether it was to be closed.
 */
export function fakePool(answer: (asked: Asked) => unknown = () => undefined) {
  const recorded: string[] = [];
  const released: boolean[] = [];
  const queries: Query[] = [];
  const query = async (given: Query) => {
    queries.push(given);
    const session = !given.text.includes("record_batch");
    const rows = session ? [] : (JSON.parse(String(given.values[0])) as Row[]);
    const texts = rows.map(({ text }) => text);
    await answer(session ? { session } : { session, texts });
    recorded.push(...texts);
    const first = recorded.length - texts.length;
    return { rows: rows.map(({ n }, at) => [n, "recorded", String(first + at + 1), "0"]) };
  };
  const connect = async () =>
    Object.assign(new EventEmitter(), { query, release: (close = false) => void released.push(close) });
  return { pool: { connect } as unknown as pg.Pool, recorded, released, queries };
}
