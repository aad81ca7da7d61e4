// The orders of the port (G6), for the model and the contract: texts byte by byte in UTF-8, as both engines compare them.

/** Below, at or above 0, as sort wants it. */
export type Order<Row> = (left: Row, right: Row) => number;

/** JavaScript's own order is that of UTF-16, which has characters beyond U+FFFF before some of these. */
const HIGH = /[\ud800-\uffff]/;

export const byBytes: Order<string> = (left, right) => {
  if (HIGH.test(left) || HIGH.test(right)) return Buffer.compare(Buffer.from(left), Buffer.from(right));
  if (left === right) return 0;
  return left < right ? -1 : 1;
};

export function ascending<Row>(field: (row: Row) => string | number): Order<Row> {
  return (left, right) => {
    const [one, other] = [field(left), field(right)];
    return typeof one === "string" ? byBytes(one, other as string) : one - (other as number);
  };
}

export function descending<Row>(field: (row: Row) => string | number): Order<Row> {
  const order = ascending(field);
  return (left, right) => order(right, left);
}

/** By the first; where it sees no difference by the next. */
export function inTurn<Row>(...orders: readonly Order<Row>[]): Order<Row> {
  return (left, right) => {
    for (const order of orders) {
      const sign = order(left, right);
      if (sign !== 0) return sign;
    }
    return 0;
  };
}

/** The page of rows that come after one, in an order; of the first where there is none. */
export function pageAfter<Row>(rows: readonly Row[], order: Order<Row>, after: Row | undefined, limit: number): Row[] {
  return [...rows]
    .sort(order)
    .filter((row) => after === undefined || order(row, after) > 0)
    .slice(0, limit);
}
