import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { type Batch, BatchSchema, type Cursor, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import {
  beginStream,
  type Chain,
  ChainBroken,
  openChain,
  proveBatch,
  proveMove,
  proveStanding,
  resetStream,
} from "#shared/highway/client/chain.ts";
import { cursor, event } from "./frames.ts";

function batchOf(module: string, after: number, end: number, positions: readonly number[]): Batch {
  const events = positions.map((position) => event(module, position));
  return create(BatchSchema, { cursor: cursor(module, end), after: BigInt(after), events });
}

function begun(cursors: Iterable<Cursor> = []): Chain {
  const chain = openChain(cursors);
  beginStream(chain);
  return chain;
}

const positionsOf = (fresh: { position: number }[]): number[] => fresh.map(({ position }) => position);

describe("P1: a frame joins on to what the stream named before", () => {
  test("a batch that goes on where the last one ended is proven", () => {
    const chain = begun();
    expect(positionsOf(proveBatch(chain, batchOf("a", 0, 2, [1, 2])))).toEqual([1, 2]);
    expect(positionsOf(proveBatch(chain, batchOf("a", 2, 5, [4])))).toEqual([4]);
    expect(chain.proven.get("a")?.position).toBe(5n);
  });

  test("a lost frame is noticed", () => {
    const chain = begun();
    proveBatch(chain, batchOf("a", 0, 2, [1, 2]));
    expect(() => proveBatch(chain, batchOf("a", 3, 4, [4]))).toThrow("a goes on after 3, but the stream stood at 2");
  });

  test("a repeated frame is noticed", () => {
    const chain = begun();
    proveBatch(chain, batchOf("a", 0, 2, [1, 2]));
    expect(() => proveBatch(chain, batchOf("a", 0, 2, [1, 2]))).toThrow(ChainBroken);
  });

  test("a frame that goes back, or has no cursor, is refused", () => {
    const chain = begun();
    expect(() => proveMove(chain, cursor("a", 3), 4n)).toThrow("a went back from 4 to 3");
    expect(() => proveMove(chain, undefined, 0n)).toThrow("without its cursor");
    expect(() => proveStanding(chain, undefined)).toThrow("without its cursor");
  });

  test("a standing that is not where the stream stands is refused", () => {
    const chain = begun();
    proveMove(chain, cursor("a", 3), 3n);
    expect(() => proveStanding(chain, cursor("a", 3))).not.toThrow();
    expect(() => proveStanding(chain, cursor("a", 4))).toThrow(ChainBroken);
  });

  test("modules do not mix", () => {
    const chain = begun();
    proveBatch(chain, batchOf("a", 0, 2, [1, 2]));
    expect(positionsOf(proveBatch(chain, batchOf("b", 0, 1, [1])))).toEqual([1]);
  });
});

describe("P2: a new stream begins at or below what was proven", () => {
  test("one that begins above it is refused", () => {
    const chain = begun([cursor("a", 7)]);
    expect(() => proveMove(chain, cursor("a", 9), 8n)).toThrow("a begins after 8, but was proven up to 7 only");
  });

  test("one that begins below it repeats, and the repeats are dropped (P5)", () => {
    const chain = begun();
    proveBatch(chain, batchOf("a", 0, 3, [1, 2, 3]));
    resetStream(chain);
    beginStream(chain);
    expect(positionsOf(proveBatch(chain, batchOf("a", 1, 5, [2, 3, 4, 5])))).toEqual([4, 5]);
    expect(chain.proven.get("a")?.position).toBe(5n);
  });
});

describe("P3: the events of a batch lie in it", () => {
  test.each([
    ["at or below after", [2, 3]],
    ["above the cursor", [3, 6]],
    ["not ascending", [4, 3]],
    ["twice", [3, 3]],
  ])("a position %s is refused, and nothing of the batch is handed on", (_, positions) => {
    const chain = begun();
    proveMove(chain, cursor("a", 2), 2n);
    expect(() => proveBatch(chain, batchOf("a", 2, 5, positions))).toThrow(ChainBroken);
    expect(chain.proven.get("a")?.position).toBe(2n);
  });

  test("an event of another module is refused", () => {
    const chain = begun();
    const mixed = create(BatchSchema, { cursor: cursor("a", 1), after: 0n, events: [event("b", 1)] });
    expect(() => proveBatch(chain, mixed)).toThrow("an event of b came in a batch of a");
  });

  test("a body that is not known is passed over; its position counts by the cursor", () => {
    const chain = begun();
    const foreign = create(BatchSchema, {
      cursor: cursor("a", 2),
      after: 0n,
      events: [create(EventSchema), event("a", 2)],
    });
    expect(positionsOf(proveBatch(chain, foreign))).toEqual([2]);
    expect(chain.proven.get("a")?.position).toBe(2n);
  });
});

test("P4: nothing is proven on a stream that has not started", () => {
  expect(() => proveMove(openChain(), cursor("a", 1), 0n)).toThrow("the stream did not start");
});
