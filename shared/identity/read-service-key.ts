import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { SettingsError } from "#shared/config/read-settings.ts";

/** Orchestrators hand a secret to the group of a process; to everybody, nobody does on purpose. */
const OPEN_TO_OTHERS = 0o007;

/**
 * Reads the private key with which a service signs its calls of others; undefined: it has none. `variable` names the file's
 * path. Throws SettingsError for a file that cannot be read, is open to others, or holds no key of Ed25519 in PEM.
 */
export function readServiceKey(variable: string, path: string | undefined): KeyObject | undefined {
  if (path === undefined) return undefined;
  const key = parsed(readSecret(variable, path));
  if (key?.asymmetricKeyType === "ed25519") return key;
  throw new SettingsError([
    `${variable} names a file without a private key of Ed25519 in PEM (PKCS #8, not encrypted): ${path}`,
  ]);
}

function readSecret(variable: string, path: string): string {
  try {
    if ((statSync(path).mode & OPEN_TO_OTHERS) === 0) return readFileSync(path, "utf8");
  } catch (error) {
    throw new SettingsError([
      `${variable} names a file that cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`,
    ]);
  }
  throw new SettingsError([
    `${variable} names a file that is open to everybody: chmod 600 ${path}, and make a new key`,
  ]);
}

function parsed(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // What is wrong with it is not told: the message could hold a part of it.
    return undefined;
  }
}
