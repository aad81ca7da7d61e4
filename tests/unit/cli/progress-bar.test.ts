import { expect, test } from "@jest/globals";
import { Output } from "#services/cli/output/output.ts";
import { ProgressBar } from "#services/cli/output/progress-bar.ts";
import { Sink } from "./support/run.ts";

test("says how far it is, ten times a second at most", () => {
  let now = 0;
  const sink = new Sink(true);
  const bar = new ProgressBar(new Output(sink, { NO_COLOR: "1" }), "f", () => now);
  bar.clear();
  expect(sink.text).toBe("");
  now = 1000;
  bar.update({ done: 50, total: 100, recorded: 1500 });
  bar.update({ done: 51, total: 100, recorded: 1501 });
  expect(sink.text).toBe(`\r\u001b[Kf  ${"█".repeat(12)}${"░".repeat(12)}  50%  1,500 memories  1,500/s`);
  now = 2000;
  bar.update({ done: 200, total: 100, recorded: 2000 });
  expect(sink.text).toMatch(/100% {2}2,000 memories {2}1,000\/s$/);
  now = 3000;
  bar.update({ done: 9, total: undefined, recorded: 3000 });
  expect(sink.text.endsWith("f  3,000 memories  1,000/s")).toBe(true);
  bar.clear();
  expect(sink.text.endsWith("\r\u001b[K")).toBe(true);
});
