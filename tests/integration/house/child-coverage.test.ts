import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "../../..");

const files = {
  "shared/parity.ts": `export function parity(n: number): string {
  if (n % 2 === 0) {
    return "even";
  }
  return "odd";
}
`,
  "shared/types-alone.ts": `/** Nothing of this is left at run time. */
export interface Parity {
  readonly name: string;
}
`,
  "services/child.ts": `import { parity } from "#shared/parity.ts";

process.stdout.write(parity(2));
process.exit(0);
`,
  "services/unused.ts": `export const unused = (): number => 1;\n`,
  "tests/unit/parity.test.ts": `import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { parity } from "#shared/parity.ts";

test("odd here, even in a child that gets no environment", () => {
  expect(parity(1)).toBe("odd");
  const child = spawnSync(process.execPath, ["services/child.ts"], { encoding: "utf8", env: {} });
  expect(child.stdout).toBe("even");
});
`,
  "tests/support/global-setup.ts": "export default (): void => undefined;\n",
  "tests/support/global-teardown.ts": "export default (): void => undefined;\n",
};

let house: string;

beforeAll(async () => {
  house = await realpath(await mkdtemp(join(tmpdir(), "cos-coverage-")));
  for (const folder of ["deploy", "gen"]) await mkdir(join(house, folder));
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(house, file)), { recursive: true });
    await writeFile(join(house, file), content);
  }
  for (const file of ["jest.config.js", "package.json"]) await cp(join(root, file), join(house, file));
  for (const file of ["environment.js", "child-coverage.js", "measured-files.js", "realm.js", "strip-types.js"])
    await cp(join(root, "tests/support", file), join(house, "tests/support", file));
  await symlink(join(root, "node_modules"), join(house, "node_modules"));
});

afterAll(() => rm(house, { recursive: true, force: true }));

/** What lcov says of one file: lines and branches, found and hit. */
function counts(lcov: string, file: string): Record<string, number> {
  const section = lcov.split("end_of_record").find((text) => text.includes(`SF:${file}\n`)) ?? "";
  return Object.fromEntries(
    [...section.matchAll(/^(LF|LH|BRF|BRH|FNF|FNH):(\d+)$/gm)].map(([, name, number]) => [name, Number(number)]),
  );
}

test("coverage counts what child processes execute, and nothing for types alone", async () => {
  const jest = join(root, "node_modules/jest/bin/jest.js");
  const arguments_ = [
    "--experimental-vm-modules",
    jest,
    "--selectProjects=unit",
    "--coverage",
    "--cacheDirectory=cache",
  ];
  // A run of its own: the surrounding run's children are not its business.
  const { NODE_V8_COVERAGE: _outer, ...env } = process.env;
  const run = spawnSync(process.execPath, arguments_, {
    cwd: house,
    encoding: "utf8",
    env: { ...env, FORCE_COLOR: "0" },
  });
  expect(run.stderr).toContain("1 passed, 1 total");
  const lcov = await readFile(join(house, "coverage/lcov.info"), "utf8");
  expect(counts(lcov, "shared/parity.ts")).toMatchObject({ LF: 6, LH: 6, FNF: 1, FNH: 1 });
  expect(counts(lcov, "services/child.ts")).toMatchObject({ LF: 4, LH: 4 });
  expect(counts(lcov, "services/unused.ts")).toMatchObject({ LH: 0 });
  expect(lcov).not.toContain("types-alone");
  // services/unused.ts keeps it from the gate, which is heard of.
  expect(run.status).toBe(1);
  expect(run.stderr).toContain(`Coverage for lines (90.9%) does not meet "global" threshold (97%)`);
});
