// Writes .oxlintrc.json from the rules below and the import table; with --check only compares.
// Usage: npm run lint-config [-- --check]
import { readFileSync, writeFileSync } from "node:fs";
import { restriction, rows } from "./import-table.mjs";

const file = new URL("../.oxlintrc.json", import.meta.url);

/** Rules for production code alone: tests write long files of facts, and scripts are programs of their own. */
const production = {
  "max-lines": ["error", { max: 350, skipBlankLines: true }],
  "max-lines-per-function": ["error", { max: 70, skipBlankLines: true }],
  "no-console": "error",
  // The environment is read once, in the first line of a main.
  "node/no-process-env": "error",
  "typescript/explicit-module-boundary-types": "error",
};

const tests = {
  "no-shadow": "off",
  // Property tests and unions of frames branch before they expect.
  "jest/no-conditional-expect": "off",
  "jest/require-to-throw-message": "off",
};

const config = {
  $schema: "./node_modules/oxlint/configuration_schema.json",
  plugins: ["typescript", "import", "promise", "node", "unicorn", "oxc", "jest"],
  categories: { correctness: "error", perf: "error", suspicious: "error" },
  options: { typeAware: true },
  ignorePatterns: ["gen", "coverage", ".cos", "node_modules"],
  rules: {
    "import/no-cycle": "error",
    "import/no-self-import": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-floating-promises": "error",
    "typescript/await-thenable": "error",
    "typescript/no-explicit-any": "error",
    // A default is an answer: contracts grow, and an unknown value of a newer peer needs one anyway.
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    // A handler is async by its contract; what it throws before its first wait is a rejection all the same.
    "typescript/require-await": "off",
    // Functions live in plain objects here, and are handed on: `closers.add("logs", follower.close)`.
    "typescript/unbound-method": "off",
    // Order is often the point of a loop here; where it is not, a reviewer sees it.
    "no-await-in-loop": "off",
    // A small closure beside its use reads better than one more name at the top of the file.
    "unicorn/consistent-function-scoping": "off",
    // A freshly made array may be sorted in place, and a few objects may be spread.
    "unicorn/no-array-sort": "off",
    "unicorn/no-array-reverse": "off",
    // A copy is what a loop walks that changes the original.
    "unicorn/no-useless-spread": "off",
    "oxc/no-map-spread": "off",
    // Both misread callbacks: a condition changed by one, and a `then` that ends a chain.
    "no-unmodified-loop-condition": "off",
    "promise/always-return": "off",
    "promise/no-promise-in-callback": "off",
    // The compiler's noImplicitReturns says it better.
    "consistent-return": "off",
    // gRPC's status and Connect's code are the same numbers in two enums.
    "typescript/no-unsafe-enum-assignment": "off",
    "typescript/no-unsafe-enum-comparison": "off",
    "typescript/no-meaningless-void-operator": "off",
    "typescript/no-unnecessary-type-arguments": "off",
    // `fc.assert` and `pg.Pool` are how their manuals write it.
    "import/no-named-as-default-member": "off",
    "no-underscore-dangle": "off",
    // NUL bytes and a terminal's colours are among what is looked for.
    "no-control-regex": "off",
    // JSON, environment and error codes arrive as unknown and are asserted where they are read.
    "typescript/no-unsafe-type-assertion": "off",
    "jest/no-standalone-expect": "off",
    "jest/expect-expect": "off",
  },
  overrides: [
    { files: ["services/**", "shared/**"], rules: production },
    { files: ["services/*/{main,migrate,owner-token}.ts"], rules: { "node/no-process-env": "off" } },
    // A schema is read from top to bottom.
    { files: ["services/*/store/migrations/**"], rules: { "max-lines-per-function": "off" } },
    { files: ["tests/**"], rules: tests },
    ...rows.map((row) => ({
      files: [row.files],
      rules: { "no-restricted-imports": ["error", restriction(row)] },
    })),
  ],
};

const text = `${JSON.stringify(config, null, 2)}\n`;

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error(".oxlintrc.json is not what scripts/lint-config.mjs writes: run `npm run lint-config`.");
  process.exitCode = 1;
}
