// npm run fuzz [-- --requests 100000] [-- --seed 42]: hostile requests to a mesh of its own.
import { parseArgs } from "node:util";
import { openFuzzMesh } from "#tests/support/fuzz/fuzz-mesh.ts";
import globalSetup from "#tests/support/global-setup.ts";
import globalTeardown from "#tests/support/global-teardown.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "100000" }, seed: { type: "string" } },
});
const requests = Number(values.requests);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!(requests > 0) || !Number.isSafeInteger(seed)) throw new Error("--requests and --seed take whole numbers");

process.stdout.write(`${requests} requests, --seed ${seed}\n`);
await globalSetup();
const mesh = await openFuzzMesh();
try {
  const startedMs = performance.now();
  const { mistakes, ends } = await mesh.fuzz({ seed, requests });
  const all = [...ends.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(`${all} answers in ${Math.round((performance.now() - startedMs) / 1000)} s\n`);
  for (const [end, count] of [...ends].sort(([, a], [, b]) => b - a)) process.stdout.write(`${count}\t${end}\n`);
  const wrong = [...mistakes, ...(await mesh.damage())];
  for (const mistake of wrong) process.stdout.write(`\n${mistake}\n`);
  process.stdout.write(wrong.length === 0 ? "every answer was right\n" : `\n${wrong.length} wrong\n`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await mesh.stop();
  await globalTeardown();
}
