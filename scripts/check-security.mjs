// Secrets (gitleaks), dangerous code (semgrep with the rules beside this file), known advisories, the bill of materials.
//
// The two scanners are installed under .cos/ by the registries of their own languages, at the versions below. What cannot
// be looked at is "not checked", never "0 found"; COS_TEST_REQUIRE_ALL=1 makes a missing scanner a failure. Advisories
// live on a server that mirrors do not serve: not reaching it is said and is no failure.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const gitleaksVersion = "v8.30.0";
const semgrepVersion = "1.182.0";

const root = join(import.meta.dirname, "..");
const tools = join(root, ".cos", "tools", "bin");
const python = join(root, ".cos", "semgrep");
const rules = join(import.meta.dirname, "security");
const isRequired = process.env.COS_TEST_REQUIRE_ALL === "1";

const run = (program, args, options = {}) =>
  spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options });

/** A scanner that is there or gets installed; undefined where its language is missing. */
function provide(path, install) {
  if (!existsSync(path)) install();
  return existsSync(path) ? path : undefined;
}

const gitleaks = () =>
  provide(join(tools, "gitleaks"), () => {
    mkdirSync(tools, { recursive: true });
    const env = { ...process.env, GOBIN: tools };
    run("go", ["install", `github.com/zricethezav/gitleaks/v8@${gitleaksVersion}`], { env });
  });

const semgrep = () =>
  provide(join(python, "bin", "semgrep"), () => {
    run("python3", ["-m", "venv", python]);
    run(join(python, "bin", "pip"), ["install", "--quiet", `semgrep==${semgrepVersion}`]);
  });

const missing = { outcome: "not checked", because: "the scanner could not be installed here" };
const failure = ({ stdout, stderr }) => ({ outcome: "failed", because: `${stdout}\n${stderr}`.trim() });

function scanSecrets() {
  const program = gitleaks();
  if (program === undefined) return missing;
  const common = [
    "--no-banner",
    "--redact",
    "--log-level",
    "warn",
    "--verbose",
    "--config",
    join(rules, "gitleaks.toml"),
  ];
  // The past is looked at too: a secret stays published after the commit that takes it out.
  for (const where of ["dir", "git"]) {
    const scan = run(program, [where, ".", ...common]);
    if (scan.status !== 0) return failure(scan);
  }
  return { outcome: "passed", because: "the tree and its history" };
}

function scanCode() {
  const program = semgrep();
  if (program === undefined) return missing;
  const offline = ["--metrics=off", "--disable-version-check"];
  const scan = run(program, [
    "scan",
    ...offline,
    "--quiet",
    "--strict",
    "--json",
    "--config",
    join(rules, "semgrep.yaml"),
    ".",
  ]);
  if (scan.status !== 0) return failure(scan);
  const { results, paths } = JSON.parse(scan.stdout);
  const findings = results.map(({ path, start, extra }) => `  ${path}:${start.line} ${extra.message}`);
  if (findings.length > 0) return { outcome: "failed", because: `\n${findings.join("\n")}\n` };
  if (paths.scanned.length === 0) return { outcome: "failed", because: "no file was scanned" };
  return { outcome: "passed", because: `${paths.scanned.length} files` };
}

function readAdvisories() {
  const { stdout } = run("npm", ["audit", "--omit=dev", "--json", "--audit=true"]);
  try {
    const { metadata } = JSON.parse(stdout);
    const { high, critical } = metadata.vulnerabilities;
    if (high + critical === 0) return { outcome: "passed" };
    return { outcome: "failed", because: `${high} high and ${critical} critical: npm audit --omit=dev` };
  } catch {
    return { outcome: "not checked", because: "the registry in use serves no advisories", isAllowed: true };
  }
}

function writeBillOfMaterials() {
  const { status, stdout, stderr } = run("npm", ["sbom", "--sbom-format", "cyclonedx", "--omit", "dev"]);
  if (status !== 0) return { outcome: "failed", because: stderr };
  mkdirSync(join(root, ".cos"), { recursive: true });
  writeFileSync(join(root, ".cos", "sbom.cdx.json"), stdout);
  return { outcome: "passed", because: `${JSON.parse(stdout).components.length} components in .cos/sbom.cdx.json` };
}

const checks = {
  secrets: scanSecrets,
  code: scanCode,
  advisories: readAdvisories,
  "bill of materials": writeBillOfMaterials,
};

for (const [name, check] of Object.entries(checks)) {
  const { outcome, because, isAllowed } = check();
  console.log(because === undefined ? `${name}: ${outcome}` : `${name}: ${outcome} (${because})`);
  if (outcome === "failed" || (outcome === "not checked" && isRequired && !isAllowed)) process.exitCode = 1;
}
