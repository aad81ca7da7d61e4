// The file of the owner's token, which opens everything.
import { isApiToken } from "#shared/auth/api-token.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/** The token in a file; undefined where there is none that was kept for us alone, or the file holds something else. */
export function readOwnerToken(file: string): string | undefined {
  const token = readPrivateFile(file)?.trim();
  return token !== undefined && isApiToken(token) ? token : undefined;
}

/** Puts a token into the place of whatever the file held. Throws LaunchFault. */
export function writeOwnerToken(file: string, token: string): void {
  writePrivateFile(file, `${token}\n`);
}
