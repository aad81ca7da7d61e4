import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, matchesGlob } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { rows } from "../../../scripts/import-table.mjs";

const root = join(import.meta.dirname, "../../..");
const oxlint = join(root, "node_modules/oxlint/bin/oxlint");

/** Files that may be imported, each exporting `x`. */
const targets = [
  "gen/cos/x_pb.ts",
  "shared/errors/x.ts",
  "shared/log/x.ts",
  "shared/postgres/x.ts",
  "shared/rpc/x.ts",
  "services/cli/x.ts",
  "services/conductor/domain/x.ts",
  "services/conductor/handlers/x.ts",
  "services/conductor/store/x.ts",
];

/** What each planted file says; all but the last group must be refused. */
const refused = {
  "a library imports a library above it": ["shared/errors/a.ts", `import { x } from "#shared/log/x.ts";`],
  "a library imports a service": ["shared/rpc/a.ts", `import { x } from "#services/conductor/domain/x.ts";`],
  "a library reaches another by a relative path": ["shared/log/a.ts", `import { x } from "../errors/x.ts";`],
  "a rule of the domain imports its store": [
    "services/conductor/domain/a.ts",
    `import { x } from "#services/conductor/store/x.ts";`,
  ],
  "the same by a relative path": ["services/conductor/domain/b.ts", `import { x } from "../store/x.ts";`],
  "a rule of the domain imports an engine": [
    "services/conductor/domain/c.ts",
    `import { x } from "#shared/postgres/x.ts";`,
  ],
  "a store imports a handler": ["services/conductor/store/a.ts", `import { x } from "../handlers/x.ts";`],
  "a nested file climbs out of its folder": [
    "services/conductor/store/deep/a.ts",
    `import { x } from "../../handlers/x.ts";`,
  ],
  "a handler imports an engine": ["services/conductor/handlers/a.ts", `import { x } from "#shared/postgres/x.ts";`],
  "a handler calls the RPC edge": ["services/conductor/handlers/b.ts", `import { x } from "#shared/rpc/x.ts";`],
  "routes call a store": ["services/conductor/routes.ts", `import { x } from "./store/x.ts";`],
  "a service imports another's code": ["services/conductor/main.ts", `import { x } from "#services/cli/x.ts";`],
  "a service leaves itself by a relative path": ["services/conductor/config.ts", `import { x } from "../cli/x.ts";`],
  "the command imports a service": ["services/cli/a.ts", `import { x } from "#services/conductor/domain/x.ts";`],
  "an example uses code of ours": ["examples/node/a.ts", `import { x } from "../../shared/errors/x.ts";`],
  "an import is put off until it runs": [
    "shared/errors/b.ts",
    `const x = async () => (await import("#shared/log/x.ts")).x;`,
  ],
  "an export is passed on": ["shared/errors/c.ts", `export { x } from "#shared/log/x.ts";\nconst x = 1;`],
} as const;

const allowed = {
  "a rule of the domain imports errors": [
    "services/conductor/domain/good.ts",
    `import { x } from "#shared/errors/x.ts";`,
  ],
  "a store imports its domain, either way": [
    "services/conductor/store/good.ts",
    `import { x } from "../domain/x.ts";\nexport { x as y } from "#services/conductor/domain/x.ts";`,
  ],
  "a nested file stays in its folder": ["services/conductor/store/deep/good.ts", `import { x } from "../x.ts";`],
  "a handler names a type of the RPC edge": [
    "services/conductor/handlers/good.ts",
    `import type { x as X } from "#shared/rpc/x.ts";\nconst x: typeof X = 1;`,
  ],
  "migrations are wired like a main": ["services/conductor/migrate.ts", `import { x } from "#shared/postgres/x.ts";`],
} as const;

const cycle = {
  "shared/errors/first.ts": `import { second } from "./second.ts";\nexport const first = (): number => second();\n`,
  "shared/errors/second.ts": `import { first } from "#shared/errors/first.ts";\nexport const second = (): number => first();\n`,
};

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

let house: string;
let found: readonly Diagnostic[];

async function plant(file: string, content: string): Promise<void> {
  const path = join(house, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

beforeAll(async () => {
  house = await mkdtemp(join(tmpdir(), "cos-house-"));
  await copyFile(join(root, "package.json"), join(house, "package.json"));
  const config = JSON.parse(await readFile(join(root, ".oxlintrc.json"), "utf8")) as Record<string, unknown>;
  // The rules of this test need no types, and the copy has no packages.
  await writeFile(join(house, ".oxlintrc.json"), JSON.stringify({ ...config, options: {} }));
  for (const file of targets) await plant(file, "export const x = 1;\n");
  for (const [file, line] of [...Object.values(refused), ...Object.values(allowed)])
    await plant(file, `${line}\nexport const used = x;\n`);
  for (const [file, content] of Object.entries(cycle)) await plant(file, content);
  const { stdout } = spawnSync(process.execPath, [oxlint, "-f", "json"], { cwd: house, encoding: "utf8" });
  found = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
});

afterAll(() => rm(house, { recursive: true, force: true }));

const rulesBrokenBy = (file: string): string[] =>
  found.filter(({ filename }) => filename === file).map(({ code }) => code);

describe("the import table refuses", () => {
  test.each(Object.entries(refused))("%s", (_name, [file]) => {
    expect(rulesBrokenBy(file)).toContain("eslint(no-restricted-imports)");
  });

  test("a cycle, through # paths too", () => {
    for (const file of Object.keys(cycle)) expect(rulesBrokenBy(file)).toContain("import(no-cycle)");
  });
});

describe("the import table lets in", () => {
  test.each(Object.entries(allowed))("%s", (_name, [file]) => {
    expect(rulesBrokenBy(file)).toEqual([]);
  });
});

test("the table's folders hold no program that it does not cover", () => {
  expect(globSync("{shared,services}/**/*.{js,mjs,cjs,mts,cts,tsx,jsx}", { cwd: root })).toEqual([]);
});

test("every source file stands in exactly one row of the import table", () => {
  const files = globSync(["shared/**/*.ts", "services/**/*.ts"], { cwd: root });
  const matches = (file: string) => rows.filter((row) => matchesGlob(file, row.files)).length;
  expect(files.filter((file) => matches(file) !== 1)).toEqual([]);
});
