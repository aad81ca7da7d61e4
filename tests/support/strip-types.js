import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

const self = readFileSync(new URL(import.meta.url));

/**
 * The Jest transformer: the type stripping that Node itself runs the services with. Types become spaces, so every
 * position is the source's own: stack traces need no source map, and V8's coverage offsets fit the `.ts` file.
 */
export default {
  canInstrument: false,
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: "strip" }) }),
  getCacheKey: (source, path, { configString, instrument }) =>
    createHash("sha256")
      .update(self)
      .update(process.version)
      .update(path)
      .update(configString)
      .update(String(instrument))
      .update(source)
      .digest("hex"),
};
