import type { Cli } from "./cli.ts";

/** A field at fault, as the server names it. */
interface FieldFault {
  /** `grants[0].verb` */
  readonly field: string;
  readonly description: string;
}

interface Wording {
  readonly field: RegExp;
  /** As the command's user knows it. */
  readonly called: string;
  /** Instead of a rule of the contract in the validator's words. */
  readonly rule?: string;
}

const LIFETIME = "must be from 1 minute to 366 days, such as 24h or 30d";
const NAME = "must be 1 to 64 small letters and digits, with single dots, hyphens or underscores inside";
const TYPE =
  "must be 1 to 64 small letters and digits, with single dots, hyphens or underscores inside, such as diary.entry";
const MODULE = "must be 1 to 40 small letters, digits and single underscores, a letter first";

const WORDINGS: readonly Wording[] = [
  { field: /^name$/, called: "the name", rule: `${NAME}, and neither \`local\` nor \`owner\`` },
  { field: /^expires_in$/, called: "--expires", rule: LIFETIME },
  { field: /^overlap$/, called: "--overlap", rule: "must be at most 30 days" },
  { field: /^token_id$/, called: "--id" },
  { field: /^grants\b/, called: "--module", rule: MODULE },
  { field: /^(?:memory\.|note\.)?module$|^modules\b/, called: "--module", rule: MODULE },
  {
    field: /^consumer(?:\.name)?$|^join\.consumer$/,
    called: "the consumer's name",
    rule: "must be 1 to 63 small letters, digits and single hyphens, a letter first",
  },
  { field: /^join\.member$/, called: "--member", rule: "must be 1 to 100 letters, digits and . _ : @ - inside" },
  { field: /^consumer\.lease$/, called: "--lease", rule: "must be from 1s to 1h" },
  { field: /^consumer\.max_attempts$/, called: "--max-attempts", rule: "must be from 1 to 1,000" },
  { field: /^consumer\.max_in_flight$/, called: "--max-in-flight", rule: "must be from 1 to 10,000" },
  { field: /^consumer\.ack_deadline$/, called: "--ack-deadline", rule: "must be from 1s to 7d" },
  { field: /^consumer\.backoff_/, called: "--backoff", rule: "must be from 10ms to 1h, up to 1d" },
  { field: /^consumer\.description$/, called: "--description" },
  { field: /^cursors\b/, called: "where to start" },
  { field: /^(?:consumer\.modules)\b/, called: "--module", rule: MODULE },
  { field: /^memory\.text$/, called: "the text" },
  { field: /^memory\.payload\b/, called: "--payload" },
  { field: /^memory\.occurred_at$/, called: "--occurred" },
  { field: /^idempotency_key$/, called: "--key" },
  { field: /^memory\.event_type$/, called: "--type", rule: TYPE },
  { field: /^(?:note\.)?key$/, called: "the key", rule: "must be 1 to 200 characters" },
  { field: /^prefix$/, called: "the prefix" },
  { field: /^note\.text$/, called: "the text", rule: "must be at most 256 KiB" },
  { field: /^note\.value\b/, called: "--value" },
  { field: /^(?:note\.)?ttl$/, called: "--ttl", rule: "must be from 1s to 365d, such as 90m, 24h or 30d" },
  { field: /^only_if_absent$/, called: "--if-absent" },
  { field: /^revision$/, called: "--revision" },
  { field: /^module\.name$/, called: "the name", rule: `${MODULE}, and not all, any, cos, mem0 or none` },
  { field: /^module\.title$/, called: "--title" },
  { field: /^module\.description$/, called: "--description" },
  { field: /^module\.language$/, called: "--language" },
  { field: /^module\.scratch_ttl$/, called: "--ttl", rule: "must be from 1s to 365d, such as 90m, 24h or 30d" },
  { field: /^module\.scratch_ttl_max$/, called: "--ttl-max", rule: "must be from 1s to 365d, such as 24h or 30d" },
  { field: /^(?:consumer\.)?filter\.event_types\b/, called: "--type", rule: `${TYPE}; \`diary.*\` takes all below` },
  { field: /^(?:(?:memory|(?:consumer\.)?filter)\.)?sources?\b/, called: "--source" },
  { field: /^(?:(?:memory|(?:consumer\.)?filter)\.)?session_ids?\b/, called: "--session" },
  { field: /^(?:memory|(?:consumer\.)?filter)\.tags\b/, called: "--tag" },
  { field: /^reason$/, called: "--reason" },
  { field: /^principal$/, called: "--who" },
  { field: /^action$/, called: "--action" },
];

/** Of what is asked of the graph. */
const GRAPH_WORDINGS: readonly Wording[] = [
  { field: /^(?:node\.|relationship\.)?module$/, called: "--module", rule: MODULE },
  { field: /^query$/, called: "what to search for" },
  { field: /^name$/, called: "the name" },
  { field: /^node\.name$|^name\.name$/, called: "--name" },
  { field: /^into\.name$/, called: "--into" },
  { field: /^entit(?:y|ies)\b.*name$/, called: "the name" },
  { field: /^(?:node\.)?kinds?\b|^(?:into|name)\.kind$/, called: "--kind", rule: MODULE },
  { field: /^entit(?:y|ies)\b.*kind$/, called: "what is merged or split", rule: "must be something that texts name" },
  { field: /^(?:node|relationship)\.properties\b/, called: "--property" },
  { field: /^labels\b/, called: "--labels" },
];

/** protovalidate's words for rules that people should not have to read as they stand. */
const VALIDATORS_WORDS = /regex pattern|be in list|greater than|less than|at (?:least|most) \d+ char/;

/**
 * What is wrong, by the name that the command has for it; fields that it has no name for keep the contract's. A name of the graph's
 * and one of a token's are different things.
 */
export function explainField({ field, description }: FieldFault, service: Cli["service"] = "conductor"): string {
  const wordings = service === "graph" ? GRAPH_WORDINGS : WORDINGS;
  const wording = wordings.find((candidate) => candidate.field.test(field));
  if (wording === undefined) return `${field}: ${description}`;
  const { rule } = wording;
  const called = `${wording.called}${which(field)}`;
  if (rule !== undefined && VALIDATORS_WORDS.test(description)) return `${called} ${rule}`;
  return /^(?:must|was|is|has|does) /.test(description)
    ? `${called} ${inWords(description)}`
    : `${called}: ${description}`;
}

/** Which of an option that was given several times. */
function which(field: string): string {
  const [, index] = /\[(\d+)\]/.exec(field) ?? [];
  return index === undefined ? "" : ` (number ${Number(index) + 1})`;
}

/** The contract's names of rights are the command's in capitals; and one colon is enough for a sentence. */
function inWords(description: string): string {
  return description
    .replace(/\b(?:READ|RECORD|APPROVE|ADMIN)\b/g, (right) => right.toLowerCase())
    .replace("must be at least 1 characters", "must not be empty")
    .replace(": ", "; ");
}
