import { measuredFiles } from "./tests/support/measured-files.js";

const root = import.meta.dirname;

const measured = ["services/**/*.ts", "shared/**/*.ts", "deploy/**/*.ts"];

const engines = {
  globalSetup: "<rootDir>/tests/support/global-setup.ts",
  globalTeardown: "<rootDir>/tests/support/global-teardown.ts",
};

const project = (name, extra = {}) => ({
  displayName: name,
  rootDir: root,
  // Not the root: .cos holds the data of engines that may run meanwhile.
  roots: ["deploy", "gen", "services", "shared", "tests"].map((folder) => `<rootDir>/${folder}`),
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/tests/support/strip-types.js" },
  testEnvironment: "<rootDir>/tests/support/environment.js",
  setupFiles: ["<rootDir>/tests/support/realm.js"],
  ...extra,
});

function isOfUnitsAlone(argv) {
  return (
    argv.includes("unit") && !["integration", "e2e", "neo4j", "long", "performance"].some((name) => argv.includes(name))
  );
}

/** One project a tier (CONTRIBUTING, "The tests"); `performance` runs only when it is asked for by name. */
export default {
  projects: [
    project("unit"),
    project("integration", engines),
    project("e2e", engines),
    project("neo4j", engines),
    project("long", engines),
    project("performance", engines),
  ],
  // The reference machine has two cores, and every worker has databases of its own; rules alone need nothing but cores.
  maxWorkers: isOfUnitsAlone(process.argv) ? "100%" : 2,
  // Nothing is timed; this only ends what hangs. A loaded machine takes its time to start a process.
  testTimeout: 30_000,
  reporters: ["default", "<rootDir>/tests/support/child-coverage.js"],
  collectCoverageFrom: process.argv.includes("--coverage") ? measuredFiles(measured, root) : measured,
  coverageProvider: "v8",
  coverageReporters: [["text", { skipFull: true }], "lcov"],
  coverageThreshold: { global: { statements: 97, branches: 97, functions: 97, lines: 97 } },
};
