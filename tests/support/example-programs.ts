// The programs of examples/, built and started as a stranger does: by the commands of their READMEs, in what a fresh clone has.
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { findTool } from "./find-tool.ts";
import { environment, type RunningCommand, runCommand, startCommand } from "./mesh-command.ts";
import { ROOT } from "./mesh-process.ts";

export interface ExampleProgram {
  /** Starts it as its README says: `record`, `subscribe` or `consume`, and what may follow. */
  start(what: string, ...further: readonly (string | number)[]): RunningCommand;
}

/** Copies examples and contracts to a folder, without what was made of them here; the packages of the repository are lent. */
export function copyExamples(to: string): void {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "examples", "proto", "package.json"];
  const files = execFileSync(findTool("git") as string, args, { cwd: ROOT, encoding: "utf8" });
  for (const file of files.split("\0").filter(Boolean)) cpSync(join(ROOT, file), join(to, file));
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/** What an example's README says to type: its blocks of commands, in their order. */
export function commandsOf(folder: string): readonly string[] {
  const text = readFileSync(join(folder, "README.md"), "utf8");
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block as string);
}

/** Builds one by the first block of its README, of which the second has a line for each thing that it does. */
export async function buildExample(folder: string, env: NodeJS.ProcessEnv): Promise<ExampleProgram> {
  const [build = "", run = ""] = commandsOf(folder);
  const options = { cwd: folder, env: { ...withGo(), ...env } };
  const { code, stdout, stderr } = await runCommand("bash", ["-euc", build], { ...options, limitMs: 540_000 });
  if (code !== 0) throw new Error(`${folder} could not be built by its README (exit ${code}):\n${stdout}\n${stderr}`);
  return {
    start(what, ...further) {
      const line = run.split("\n").find((each) => each.endsWith(` ${what}`));
      if (line === undefined) throw new Error(`${folder}/README.md does not say how to ${what}`);
      return startCommand("bash", ["-c", `exec ${line} ${further.join(" ")}`], options);
    },
  };
}

/** The machine's PATH, and where Go lies. */
function withGo(): NodeJS.ProcessEnv {
  const { PATH = "" } = environment();
  const go = findTool("go");
  return { PATH: go === undefined ? PATH : `${PATH}:${dirname(go)}` };
}
