// The contract of the graph's port: whatever keeps a graph passes all of it, answer for answer.
//
// A group of cases shares one store; its cases have modules of their own. What is told of "any order" by the port is compared by id.
import { describe } from "@jest/globals";
import type { OpenGraph } from "./contract-case.ts";
import { changesContract } from "./contract-changes.ts";
import { countsContract } from "./contract-counts.ts";
import { evidenceContract } from "./contract-evidence.ts";
import { findContract } from "./contract-find.ts";
import { generationsContract } from "./contract-generations.ts";
import { neighborsContract } from "./contract-neighbors.ts";
import { projectionContract } from "./contract-projection.ts";
import { propertiesContract } from "./contract-properties.ts";
import { searchContract } from "./contract-search.ts";
import { transactionContract } from "./contract-transaction.ts";
import { valuesContract } from "./contract-values.ts";
import { visibilityContract } from "./contract-visibility.ts";

interface ContractOptions {
  /** How many random sequences are compared with the model; unset: 30. */
  readonly sequences?: number;
}

/** Registers the cases for a store; `open` opens one that is empty. */
export function graphStoreContract(name: string, open: OpenGraph, { sequences = 30 }: ContractOptions = {}): void {
  describe(`${name} keeps the contract of the graph's port`, () => {
    generationsContract(open);
    projectionContract(open);
    countsContract(open);
    transactionContract(open);
    visibilityContract(open);
    findContract(open);
    searchContract(open);
    neighborsContract(open);
    evidenceContract(open);
    changesContract(open);
    valuesContract(open);
    propertiesContract(open, sequences);
  });
}
