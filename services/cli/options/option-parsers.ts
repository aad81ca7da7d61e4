import type { JsonObject } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "commander";
import { parseServerAddress } from "#shared/config/client-settings.ts";
import { isId } from "./is-id.ts";
import { parseBackoff } from "./parse-backoff.ts";
import { parseDurationS } from "./parse-duration.ts";
import { parseGrant } from "./parse-grant.ts";
import { type Instant, parseInstant } from "./parse-instant.ts";
import { parseLabels } from "./parse-labels.ts";
import { parseLastInstant } from "./parse-last-instant.ts";
import { parsePlace } from "./parse-place.ts";
import { parseProperty } from "./parse-property.ts";
import { parseSeal } from "./parse-seal.ts";
import { parseSince } from "./parse-since.ts";
import { parseStart } from "./parse-start.ts";

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const NAME_LENGTH_MAX = 40;

/** Turns what a parser says into commander's own refusal, which names the option. */
function refusing<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(sentence((error as Error).message));
    }
  };
}

/** `must be a date` or `there is no 1660-02-30`, as what follows "is invalid.". */
function sentence(message: string): string {
  return message.startsWith("must ") ? `It ${message}.` : `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

/** Collects an option that may be given several times. */
export function repeated<T>(parse: (text: string) => T): (text: string, before: T[] | undefined) => T[] {
  return (text, before = []) => [...before, parse(text)];
}

export const address = refusing(parseServerAddress);

export const instant: (text: string) => Instant = refusing(parseInstant);

/** An instant, or how long ago. */
export const since = refusing(parseSince);

function parseName(text: string): string {
  if (NAME.test(text) && text.length <= NAME_LENGTH_MAX) return text;
  throw new Error("must be 1 to 40 small letters, digits and single underscores, a letter first");
}

export const moduleName = refusing(parseName);

/** A kind of entity, which is written as a module is. */
export const kind = refusing(parseName);

/** A projection, which is called as its service is. */
export const projectionName = refusing(parseName);

export const labels = refusing(parseLabels);

export const property = refusing(parseProperty);

/** The end of a time: of a date alone, that of the day. */
export const lastInstant: (text: string) => Instant = refusing(parseLastInstant);

/** A whole number from 1 to `max`. */
export const countTo = (max: number): ((text: string) => number) =>
  refusing((value) => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= 1 && number <= max) return number;
    throw new Error(`must be a whole number from 1 to ${max.toLocaleString("en")}`);
  });

/** One of these words; for options that are repeated, whose parser replaces commander's choices. */
export const oneOf = <Word extends string>(words: readonly Word[]): ((text: string) => Word) =>
  refusing((value) => {
    const word = words.find((each) => each === value);
    if (word !== undefined) return word;
    throw new Error(`must be one of ${words.join(", ")}`);
  });

export const text = (value: string): string => value;

/** A length of time, in seconds. */
export const durationS = refusing(parseDurationS);

export const grant = refusing(parseGrant);

export const seal = refusing(parseSeal);

/** A UUID, in small letters. */
export const id = refusing((value) => {
  if (isId(value)) return value.toLowerCase();
  throw new Error("must be an id, such as 019a3f5e-7c1b-7d0e-8c55-0f6b2a9d4e11");
});

/** A whole number from 1. */
export const count = refusing((value) => {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && Number.isSafeInteger(number)) return number;
  throw new Error("must be a whole number from 1 on");
});

/** A whole number from 1, or `all`. */
export const countOrAll = (value: string): number => (value === "all" ? Number.POSITIVE_INFINITY : count(value));

export const jsonObject = refusing((value): JsonObject => {
  const parsed = parseJson(value);
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  throw new Error('must be a JSON object, such as {"pages": 12}');
});

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** `field=key,field=key` into pairs. */
export const pairs = refusing((value): [string, string][] =>
  value.split(",").map((pair) => {
    const at = pair.indexOf("=");
    const [field, key] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (at > 0 && field !== "" && key !== "") return [field, key];
    throw new Error("must be field=key pairs, such as occurred_at=date,source=author");
  }),
);

/** `beginning`, `end`, a time, or a position. */
export const start = refusing(parseStart);

/** `1s..5m`. */
export const backoff = refusing(parseBackoff);

export const place = refusing(parsePlace);

/** Collects places that are given one after the other. */
export const places = repeated(place);

/** The name of a consumer. */
export function consumerName(value: string): string {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(value) || value.length > 63)
    throw new InvalidArgumentError("it must be 1 to 63 small letters, digits and single hyphens, a letter first.");
  return value;
}
