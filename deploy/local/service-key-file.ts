import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/**
 * The key in a file with which a service signs its calls of others (Ed25519): the one that was kept there for us alone, else a
 * new one, whose other half then has to be made known. Throws LaunchFault.
 */
export function keepServiceKey(file: string): KeyObject {
  const held = keyIn(readPrivateFile(file));
  if (held !== undefined) return held;
  const { privateKey } = generateKeyPairSync("ed25519");
  writePrivateFile(file, privateKey.export({ format: "pem", type: "pkcs8" }));
  return privateKey;
}

function keyIn(pem: string | undefined): KeyObject | undefined {
  if (pem === undefined) return undefined;
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}
