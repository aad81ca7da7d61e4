import { expect, test } from "@jest/globals";
import { openTestGraph } from "#tests/integration/graph/open-test-graph.ts";
import { sameAsModel } from "#tests/support/graph/contract-properties.ts";

test("any sequence of operations gives the answers of the model, and leaves the graph of the model (150 sequences)", async () => {
  await expect(sameAsModel(openTestGraph, { numRuns: 150 })).resolves.toBeUndefined();
}, 600_000);
