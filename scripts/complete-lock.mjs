// Completes the lockfile for the platforms that the registry in use could not describe.
//
// Packages with native parts (Node itself, esbuild, lefthook ...) list one optional package per platform. A registry
// that mirrors only some of them makes npm write a lockfile that its own `npm ci` refuses ("Missing: ... from lock
// file"). An entry with version, os, cpu and, where the name tells it, libc is enough for `npm ci`, which then skips it on every other platform.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const file = join(import.meta.dirname, "..", "package-lock.json");
const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];
const spellings = { windows: "win32", win: "win32", armv7: "arm" };

/** The platform that a package's name speaks of ("@esbuild/linux-x64"), or undefined. */
function platformOf(name) {
  const words = new Set(name.split(/[^a-z0-9]+/i).map((word) => spellings[word] ?? word));
  const os = systems.find((system) => words.has(system));
  const cpu = processors.find((processor) => words.has(processor));
  if (os === undefined || cpu === undefined) return undefined;
  // A package for the other C library would be fetched and never used, without a sum to check it by.
  const libc = /musl/.test(name) ? "musl" : /(?:^|-)gnu/.test(name) ? "glibc" : undefined;
  return { os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) };
}

const lock = JSON.parse(readFileSync(file, "utf8"));
const added = [];
const unknown = [];

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[`${path}/${place}`] || lock.packages[place]) continue;
    const platform = platformOf(name);
    // Only an exact version can be written down without asking the registry.
    if (platform === undefined || !/^\d/.test(version)) {
      unknown.push(`${name}@${version}`);
      continue;
    }
    lock.packages[place] = { version, ...(entry.dev ? { dev: true } : {}), optional: true, ...platform };
    added.push(name);
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added.length} platform packages added`);
if (unknown.length > 0) console.log(`left alone, of no known platform or version: ${unknown.join(", ")}`);
