import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { openLog } from "#shared/log/open-log.ts";
import { StrangerLines } from "#shared/rpc/stranger-lines.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test("lines about strangers are bounded in each interval, which ends with the number of the rest", () => {
  const written: unknown[] = [];
  const to = { write: (line: string) => void written.push((JSON.parse(line) as { calls: number }).calls) };
  const strangers = new StrangerLines(openLog({ service: "test", to }), 2, 1000);
  const take = (calls: number) => Array.from({ length: calls }, () => strangers.take()).filter(Boolean).length;
  expect(take(5)).toBe(2);
  jest.advanceTimersByTime(999);
  expect([take(1), written]).toEqual([0, []]);
  jest.advanceTimersByTime(1);
  expect(written).toEqual([4]);
  expect(take(2)).toBe(2);
  jest.advanceTimersByTime(1000);
  expect(written).toEqual([4]);
  expect(take(3)).toBe(2);
  strangers.close();
  expect(written).toEqual([4, 1]);
  expect(jest.getTimerCount()).toBe(0);
});
