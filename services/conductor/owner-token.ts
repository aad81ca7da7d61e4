import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { EXIT_FAILED, EXIT_MISCONFIGURED } from "#shared/lifecycle/run-service.ts";
import { openLog } from "#shared/log/open-log.ts";
import { readMigrationUrl } from "./config.ts";
import { ensureOwner } from "./store/access/ensure-owner.ts";

/** How the job speaks. */
interface Voice {
  /** What was asked for: the token alone, so that it can be sent into a file. */
  say(line: string): void;
  /** What people are told beside. */
  tell(line: string): void;
}

/**
 * What `cos owner-token` and a deployment run: makes a new token for the owner and says it, once; those before it end. It works
 * on the database itself, as the role that migrates. The answer is the process's exit code.
 */
export async function runOwnerTokenJob(
  env: Readonly<Record<string, string | undefined>>,
  { say, tell }: Voice,
): Promise<number> {
  try {
    const url = readMigrationUrl(env);
    const log = openLog({ service: "conductor-owner-token", level: "warn" });
    const token = makeApiToken(PrincipalKind.PERSON);
    await ensureOwner({ url, hash: hashOfApiToken(token), log });
    say(token);
    tell("conductor: this is the owner's token from now on; it is not shown again, and the one before has ended");
    return 0;
  } catch (error) {
    const faults = error instanceof SettingsError ? error.faults : [`no token was made: ${(error as Error).message}`];
    for (const fault of faults) tell(`conductor: ${fault}`);
    return error instanceof SettingsError ? EXIT_MISCONFIGURED : EXIT_FAILED;
  }
}

if (import.meta.main) {
  process.exitCode = await runOwnerTokenJob(process.env, {
    say: (line) => void process.stdout.write(`${line}\n`),
    tell: (line) => void process.stderr.write(`${line}\n`),
  });
}
