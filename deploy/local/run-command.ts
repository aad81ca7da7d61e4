import { SettingsError } from "#shared/config/read-settings.ts";
import { type LaunchHost, launch } from "./launch.ts";
import { LaunchFault } from "./launch-fault.ts";
import { readCommandLine } from "./read-command-line.ts";
import { SERVICES } from "./services.ts";

/** `npm start`: answers with the exit code. What a person can mend is said in a line each; anything else is thrown. */
export async function runCommand(args: readonly string[], host: LaunchHost, services = SERVICES): Promise<number> {
  try {
    const options = readCommandLine(args);
    if ("help" in options) {
      host.say(options.help);
      return 0;
    }
    return await launch(host, { ...options, services });
  } catch (error) {
    if (error instanceof SettingsError) {
      for (const fault of error.faults) host.say(fault);
      return 2;
    }
    if (!(error instanceof LaunchFault)) throw error;
    host.say(error.message);
    return error.exitCode;
  }
}
