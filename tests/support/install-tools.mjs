// Builds the foreign clients that tests speak with, where Go is there: node tests/support/install-tools.mjs
// They come to lie in .cos/tools/bin, where tests/support/tools.ts looks first. What is there already stays.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const TOOLS = [
  { name: "grpcurl", module: "github.com/fullstorydev/grpcurl/cmd/grpcurl", version: "v1.9.4" },
  { name: "ghz", module: "github.com/bojand/ghz/cmd/ghz", version: "v0.93.0" },
  { name: "grpc-health-probe", module: "github.com/grpc-ecosystem/grpc-health-probe", version: "v0.4.61" },
  // The last version that Go's proxy has.
  { name: "h2spec", module: "github.com/summerwind/h2spec/cmd/h2spec", version: "v2.2.1+incompatible" },
];

const bin = join(import.meta.dirname, "..", "..", ".cos", "tools", "bin");
const env = {
  ...process.env,
  PATH: [process.env.PATH, "/usr/local/go/bin"].join(delimiter),
  GOBIN: `${bin}.new`,
  GOFLAGS: "-trimpath",
  CGO_ENABLED: "0",
};

const versionFile = (name) => join(bin, `${name}.version`);
const isThere = ({ name, version }) =>
  existsSync(join(bin, name)) && existsSync(versionFile(name)) && readFileSync(versionFile(name), "utf8") === version;

/** Answers whether it is there afterwards. A build that is cut off leaves nothing that could be taken for a tool. */
function install(tool) {
  if (isThere(tool)) return true;
  console.error(`Building ${tool.name} ${tool.version} ...`);
  const { status } = spawnSync("go", ["install", `${tool.module}@${tool.version}`], { env, stdio: "inherit" });
  if (status !== 0) return false;
  renameSync(join(env.GOBIN, tool.name), join(bin, tool.name));
  writeFileSync(versionFile(tool.name), tool.version);
  return true;
}

mkdirSync(bin, { recursive: true });
mkdirSync(env.GOBIN, { recursive: true });
if (spawnSync("go", ["version"], { env, stdio: "ignore" }).status !== 0) {
  console.error(
    "Go is not here: grpcurl, ghz, grpc-health-probe and h2spec are not built, and the tests with them are skipped.",
  );
  process.exitCode = process.env.COS_TEST_REQUIRE_ALL === "1" ? 1 : 0;
} else {
  const missing = TOOLS.filter((tool) => !install(tool)).map(({ name }) => name);
  if (missing.length > 0) console.error(`Could not be built: ${missing.join(", ")}`);
  process.exitCode = missing.length > 0 ? 1 : 0;
}
