import { clearField, type DescField, type DescMessage, getOption, hasOption, type Message } from "@bufbuild/protobuf";
import { Ignore, field as validateField } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { output_only } from "#gen/cos/api/v1/annotations_pb.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";

type Fields = Record<string, unknown>;

/** Timestamps from year 1 to 9999, as google.protobuf.Timestamp says; JSON has no others. */
const TIMESTAMP_SECONDS_MIN = -62_135_596_800n;
const TIMESTAMP_SECONDS_MAX = 253_402_300_799n;
/** Durations of about 10,000 years either way, as google.protobuf.Duration says. */
const DURATION_SECONDS_MAX = 315_576_000_000n;
const NANOS_MAX = 999_999_999;

const plans = new WeakMap<DescMessage, Plan>();

/**
 * What is done to a request before its rules are checked, in place: what only the server sets is cleared, and values
 * that protobuf's bytes can hold but its JSON cannot (a second that no day has, a number that is none) are found, so
 * that no answer repeating them can fail.
 *
 * Compiled once for each type; a message with nothing of the kind costs nothing.
 */
export function scrubMessage(desc: DescMessage, message: Message): FieldFault[] {
  const faults: FieldFault[] = [];
  run(planFor(desc), message, "", faults);
  return faults;
}

function planFor(desc: DescMessage): Plan {
  let plan = plans.get(desc);
  if (plan === undefined) {
    plan = planOf(desc, new Map());
    prune(plan, new Set());
    plans.set(desc, plan);
  }
  return plan;
}

/** What is to be done to one type. Types may contain themselves, so plans refer to each other. */
interface Plan {
  readonly check: Check | undefined;
  readonly cleared: DescField[];
  readonly nested: { readonly field: DescField; readonly plan: Plan; readonly judged: boolean }[];
}

/** What is wrong with a value; undefined: nothing. */
type Check = (value: Fields) => string | undefined;

const CHECKS: Readonly<Record<string, Check>> = {
  "google.protobuf.Timestamp": checkTimestamp,
  "google.protobuf.Duration": checkDuration,
  "google.protobuf.Struct": checkStruct,
};

function planOf(desc: DescMessage, known: Map<DescMessage, Plan>): Plan {
  const seen = known.get(desc);
  if (seen !== undefined) {
    return seen;
  }
  const plan: Plan = { check: CHECKS[desc.typeName], cleared: [], nested: [] };
  known.set(desc, plan);
  if (plan.check !== undefined) {
    return plan;
  }
  for (const field of desc.fields) {
    if (hasOption(field, output_only) && getOption(field, output_only)) {
      plan.cleared.push(field);
    } else if (field.message !== undefined) {
      plan.nested.push({ field, plan: planOf(field.message, known), judged: isJudged(field) });
    }
  }
  return plan;
}

/** Items whose rules the contract switches off are judged one by one by their handler: here they are only cleared. */
function isJudged(field: DescField): boolean {
  const rules = getOption(field, validateField);
  const items = rules.type.case === "repeated" ? rules.type.value.items : undefined;
  return items?.ignore !== Ignore.ALWAYS;
}

/** Whether anything is to be done in a message of this plan or below it. */
function hasWork(plan: Plan, seen: Set<Plan>): boolean {
  if (seen.has(plan)) {
    return false;
  }
  seen.add(plan);
  return plan.check !== undefined || plan.cleared.length > 0 || plan.nested.some((inner) => hasWork(inner.plan, seen));
}

/** Leaves out what has no work, so that nothing is looked at in vain. */
function prune(plan: Plan, seen: Set<Plan>): void {
  if (seen.has(plan)) {
    return;
  }
  seen.add(plan);
  const useful = plan.nested.filter((inner) => hasWork(inner.plan, new Set()));
  plan.nested.splice(0, plan.nested.length, ...useful);
  for (const inner of useful) {
    prune(inner.plan, seen);
  }
}

/** `faults` is what is found; undefined: the values are for somebody else to judge. */
function run(plan: Plan, message: Fields, path: string, faults: FieldFault[] | undefined): void {
  if (plan.check !== undefined) {
    const description = faults && plan.check(message);
    if (description !== undefined) {
      faults?.push({ field: path, description });
    }
    return;
  }
  for (const field of plan.cleared) {
    clearField(message as Message, field);
  }
  for (const { field, plan: inner, judged } of plan.nested) {
    const value = heldValue(message, field);
    if (value !== undefined) {
      runField(inner, field, value, path === "" ? field.name : `${path}.${field.name}`, judged ? faults : undefined);
    }
  }
}

function runField(plan: Plan, field: DescField, value: unknown, path: string, faults: FieldFault[] | undefined): void {
  switch (field.fieldKind) {
    case "list":
      for (const [index, item] of (value as Fields[]).entries()) {
        run(plan, item, `${path}[${index}]`, faults);
      }
      break;
    case "map":
      for (const [key, item] of Object.entries(value as Record<string, Fields>)) {
        run(plan, item, `${path}[${JSON.stringify(key)}]`, faults);
      }
      break;
    default:
      run(plan, value as Fields, path, faults);
  }
}

/** A field's value as the message holds it: members of a oneof are its `{ case, value }`. */
function heldValue(message: Fields, field: DescField): unknown {
  if (field.oneof === undefined) {
    return message[field.localName];
  }
  const chosen = message[field.oneof.localName] as { case?: string; value?: unknown } | undefined;
  return chosen?.case === field.localName ? chosen.value : undefined;
}

function checkTimestamp(value: Fields): string | undefined {
  const { seconds, nanos } = value as unknown as { seconds: bigint; nanos: number };
  if (seconds < TIMESTAMP_SECONDS_MIN || seconds > TIMESTAMP_SECONDS_MAX) {
    return "must be from year 1 to 9999";
  }
  return nanos < 0 || nanos > NANOS_MAX ? "nanos must be from 0 to 999999999" : undefined;
}

function checkDuration(value: Fields): string | undefined {
  const { seconds, nanos } = value as unknown as { seconds: bigint; nanos: number };
  if (seconds < -DURATION_SECONDS_MAX || seconds > DURATION_SECONDS_MAX) {
    return "must be at most 10,000 years either way";
  }
  const disagree = (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0);
  return disagree || Math.abs(nanos) > NANOS_MAX
    ? "nanos must be below a second and of the sign of seconds"
    : undefined;
}

/** protobuf-es holds a Struct as the plain object that it stands for; what JSON lacks is NaN and the infinities. */
function checkStruct(value: Fields): string | undefined {
  return isFiniteJson(value) ? undefined : "has a number in it that is not finite";
}

function isFiniteJson(value: unknown): boolean {
  if (typeof value === "number") {
    return Number.isFinite(value);
  }
  return typeof value !== "object" || value === null || Object.values(value).every(isFiniteJson);
}
