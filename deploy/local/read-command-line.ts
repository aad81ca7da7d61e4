import { parseArgs } from "node:util";
import { LaunchFault } from "./launch-fault.ts";
import { LAUNCHER_SETTINGS } from "./settings.ts";

const OPTIONS = {
  help: { type: "boolean", short: "h", default: false },
  neo4j: { type: "boolean", default: false },
  "no-install": { type: "boolean", default: false },
} as const;

/** Reads what stands after `npm start --`: what to do, or the help text. Throws LaunchFault (2). */
export function readCommandLine(
  args: readonly string[],
): { mayInstall: boolean; wantsNeo4j: boolean } | { help: string } {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false });
    if (values.help) return { help: helpText() };
    return { mayInstall: !values["no-install"], wantsNeo4j: values.neo4j };
  } catch (cause) {
    const { message } = cause as Error;
    throw new LaunchFault(`${message.split(". ")[0]}. See: npm start -- --help`, { exitCode: 2, cause });
  }
}

function helpText(): string {
  const settings = Object.values(LAUNCHER_SETTINGS);
  const width = Math.max(...settings.map(({ name }) => name.length));
  const lines = settings.map(({ name, about, shown }) => {
    const fallback = shown === "" ? "" : ` Default: ${shown}.`;
    return `  ${name.padEnd(width)}  ${about}${fallback}`;
  });
  return `Starts COS on this machine: PostgreSQL, Redis and the services. Ctrl-C stops everything.

Usage: npm start [-- options]

Options:
  --neo4j       keep the graph in a Neo4j, which is started too; needs a JDK 17, and Maven the first time
  --no-install  do not install a missing Redis; run degraded without
  -h, --help    this text

Settings, from the environment (those of the services: docs/configuration.md):
${lines.join("\n")}

Examples:
  npm start
  npm start -- --neo4j
  COS_CONDUCTOR_LISTEN=127.0.0.1:6000 npm start
  COS_POSTGRES_URL=postgres://me:secret@db.example/cos npm start

Exit codes: 0 stopped as asked, 1 it failed or COS runs already, 2 a wrong option or setting`;
}
