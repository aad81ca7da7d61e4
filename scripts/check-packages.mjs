// The packages are what the lockfile says, and may be shipped:
// - the entries of other platforms are there, without which `npm ci` refuses the lockfile (scripts/complete-lock.mjs);
// - no entry names a registry (`resolved`), so the lockfile installs from whichever one is configured;
// - every package that is installed here has its sha512;
// - every production package that is installed here has a permissive licence;
// - direct dependencies on packages that must move together are pinned exactly.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const readJson = (...path) => JSON.parse(readFileSync(join(root, ...path), "utf8"));

const permissive = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "PostgreSQL",
  "Unlicense",
]);

/** `pg` is the version MikroORM brings; grpc-js is used through a hook that is not public (held by a contract test). */
const pinned = /^(@mikro-orm\/.*|pg|@grpc\/grpc-js|@bufbuild\/protobuf|@bufbuild\/protoc-gen-es)$/;

/** Whether an SPDX expression leaves a permissive choice: one side of an OR, every side of an AND. */
const isPermissive = (expression) =>
  expression
    .replaceAll(/[()]/g, "")
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((licence) => permissive.has(licence.trim())));

function faultsOf([path, entry]) {
  const faults = [];
  if (entry.resolved !== undefined) faults.push(`${path} names a registry (resolved)`);
  if (!existsSync(join(root, path))) return faults;
  if (!entry.integrity?.startsWith("sha512-")) faults.push(`${path} has no sha512`);
  if (entry.dev) return faults;
  const { license } = readJson(path, "package.json");
  if (typeof license !== "string" || !isPermissive(license))
    faults.push(`${path} has the licence ${license ?? "unknown"}`);
  return faults;
}

const lock = readJson("package-lock.json").packages;
const packages = Object.entries(lock).filter(([path]) => path !== "");
const missing = packages.flatMap(([path, { optionalDependencies = {} }]) =>
  Object.keys(optionalDependencies).filter(
    (name) => !(`node_modules/${name}` in lock || `${path}/node_modules/${name}` in lock),
  ),
);
const { dependencies, devDependencies } = readJson("package.json");
const loose = Object.entries({ ...dependencies, ...devDependencies })
  .filter(([name, range]) => pinned.test(name) && !/^\d/.test(range))
  .map(([name, range]) => `package.json: pin ${name} exactly, not ${range}`);

const incomplete = missing.length > 0 ? [`${missing.length} optional packages are not locked: run npm run lock`] : [];
const faults = [...packages.flatMap(faultsOf), ...loose, ...incomplete];
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
} else console.log(`${packages.length} locked packages: no registry named, sha512, permissive licences`);
