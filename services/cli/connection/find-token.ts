import { join, resolve } from "node:path";
import { parseToken } from "#shared/config/client-settings.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { parseAddress } from "#shared/rpc/parse-address.ts";
import type { CliSettings } from "../config.ts";
import { readSecretFile, sharedWarning } from "./read-secret-file.ts";

/** Where a token was found. */
export interface TokenSource {
  /** As people are told of it: `COS_TOKEN`, or a file's path. */
  readonly name: string;
  /** Whether it is the owner's, which `npm start` writes. */
  readonly isOwners: boolean;
}

export interface FoundToken {
  readonly token: string;
  readonly source: TokenSource;
}

interface Search {
  readonly settings: CliSettings;
  readonly address: string;
  /** The repository's folder. */
  readonly root: string;
  readonly warn: (text: string) => Promise<void>;
}

/**
 * The token to show: the environment's, else that of the file it names, else the owner's if the conductor is on this
 * machine; undefined: none. Throws SettingsError.
 */
export async function findToken(search: Search): Promise<FoundToken | undefined> {
  const { token, tokenFile } = search.settings;
  if (token !== undefined && tokenFile !== undefined) {
    throw new SettingsError(["COS_TOKEN and COS_TOKEN_FILE are both set: unset one of them"]);
  }
  if (token !== undefined) return { token, source: { name: "COS_TOKEN", isOwners: false } };
  if (tokenFile !== undefined) return givenToken(tokenFile, search);
  // The owner's token opens everything here, and is of no use to anybody elsewhere.
  return parseAddress(search.address).isLocal ? ownersToken(search) : undefined;
}

async function givenToken(path: string, { warn }: Search): Promise<FoundToken> {
  const fault = (text: string): never => {
    throw new SettingsError([`COS_TOKEN_FILE ${path} ${text}`]);
  };
  const file = await readSecretFile(path).catch((error: NodeJS.ErrnoException) =>
    fault(`cannot be read: ${error.code}`),
  );
  if (file.isShared) await warn(sharedWarning(path));
  return { token: tokenIn(file.text) ?? fault("does not hold a token alone"), source: { name: path, isOwners: false } };
}

/** None where `npm start` has not been, or where it ran as somebody else. */
async function ownersToken({ settings, root, warn }: Search): Promise<FoundToken | undefined> {
  const path = join(resolve(root, settings.dataDir), "owner-token");
  const file = await readSecretFile(path).catch(() => undefined);
  const token = file === undefined ? undefined : tokenIn(file.text);
  if (file === undefined || token === undefined) return undefined;
  if (file.isShared) await warn(sharedWarning(path));
  return { token, source: { name: path, isOwners: true } };
}

function tokenIn(text: string): string | undefined {
  try {
    return parseToken(text.trim());
  } catch {
    return undefined;
  }
}
