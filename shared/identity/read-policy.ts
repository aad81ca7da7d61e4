import { readFileSync, statSync } from "node:fs";
import { SettingsError } from "#shared/config/read-settings.ts";
import { readShape } from "./json-shape.ts";
import { EMPTY_POLICY, type Policy } from "./policy.ts";
import { policyContradictions } from "./policy-contradictions.ts";
import { POLICY } from "./policy-shape.ts";
import { repeatedKeyOf } from "./repeated-key.ts";

const VARIABLE = "COS_AUTH_POLICY";
const WRITABLE_BY_OTHERS = 0o002;

/**
 * Reads the file of the policy that `COS_AUTH_POLICY` names (docs/auth-policy.md); undefined: there is none, and nobody is believed
 * by it. Throws SettingsError with every fault at once, each with its path in the file.
 */
export function readPolicy(path: string | undefined): Policy {
  if (path === undefined) return EMPTY_POLICY;
  const { value, faults } = readShape(POLICY, readJson(path));
  // Parts that could not be read say nothing that could be compared.
  const all = faults.length > 0 ? faults : policyContradictions(value);
  if (all.length > 0) throw new SettingsError(all.map((fault) => `${VARIABLE}: ${fault}`));
  return value;
}

function readJson(path: string): unknown {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SettingsError([`${VARIABLE} names a file that is not JSON: ${(error as Error).message}`]);
  }
  const repeated = repeatedKeyOf(text);
  if (repeated === undefined) return value;
  throw new SettingsError([`${VARIABLE}: ${JSON.stringify(repeated)} stands twice in one object`]);
}

/** Nothing in it is secret, but whoever writes it gives rights. */
function readText(path: string): string {
  try {
    if ((statSync(path).mode & WRITABLE_BY_OTHERS) === 0) return readFileSync(path, "utf8");
  } catch (error) {
    throw new SettingsError([
      `${VARIABLE} names a file that cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`,
    ]);
  }
  throw new SettingsError([
    `${VARIABLE} names a file that everybody may write, and with it give themselves any right: chmod o-w ${path}`,
  ]);
}
