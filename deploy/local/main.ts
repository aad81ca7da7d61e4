import { join } from "node:path";
import { argv } from "node:process";
import { SettingsError } from "#shared/config/read-settings.ts";
import { type LaunchHost, launch } from "./launch.ts";
import { LaunchFault } from "./launch-fault.ts";
import { listenToSignals } from "./listen-to-signals.ts";
import { readCommandLine } from "./read-command-line.ts";
import { SERVICES } from "./services.ts";

/** `npm start`: answers with the exit code. */
export async function main(args: readonly string[], host: LaunchHost, services = SERVICES): Promise<number> {
  try {
    const options = readCommandLine(args);
    if ("help" in options) {
      host.say(options.help);
      return 0;
    }
    return await launch(host, { ...options, services });
  } catch (error) {
    if (error instanceof SettingsError) for (const fault of error.faults) host.say(fault);
    else if (error instanceof LaunchFault) host.say(error.message);
    else throw error;
    return error instanceof SettingsError ? 2 : error.exitCode;
  }
}

if (argv[1] === import.meta.filename) {
  // A terminal that is gone must not keep us from stopping in good order.
  process.stdout.on("error", () => {});
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const root = join(import.meta.dirname, "..", "..");
  process.exit(await main(argv.slice(2), { env: process.env, root, say, ...listenToSignals(process) }));
}
