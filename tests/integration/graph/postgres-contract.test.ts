import { graphStoreContract } from "#tests/support/graph/contract.ts";
import { openTestGraph } from "./open-test-graph.ts";

graphStoreContract("postgres", openTestGraph, { sequences: 12 });
