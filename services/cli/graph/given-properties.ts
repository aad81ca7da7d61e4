import type { JsonObject } from "@bufbuild/protobuf";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import type { GivenProperty } from "../options/parse-property.ts";

/** Properties as the contract takes them. Throws CliFailure (usage) for one that is given twice. */
export function givenProperties(given: readonly GivenProperty[] | undefined): JsonObject {
  const properties: JsonObject = {};
  for (const { name, value } of given ?? []) {
    if (Object.hasOwn(properties, name)) throw new CliFailure(EXIT.usage, `--property ${name} is given twice`);
    properties[name] = value;
  }
  return properties;
}
