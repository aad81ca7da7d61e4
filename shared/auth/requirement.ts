import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type Requires, requires, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Access } from "./access.ts";
import { judgeRight } from "./judge-right.ts";
import { EVERY_MODULE, verbAnywhere, verbIn } from "./principal.ts";
import { kindRefused, rightMissing, servicesOnlyRefused } from "./refusals.ts";

/** The module of requests that name none. */
const DEFAULT_MODULE = "cc";

/** What one RPC asks of its caller; made once, from the contract. Throws PERMISSION_DENIED or NOT_FOUND. */
export interface Requirement {
  /** Judges the caller alone, before there is a message: streams of requests have many. */
  judgeCaller(access: Access): void;
  /** Judges the modules that a request names. */
  judgeRequest(access: Access, request: Message): void;
}

/**
 * Reads `(cos.auth.v1.requires)` of a method. Throws a TypeError for a method that lacks it or whose option contradicts its
 * request: a process that serves one must not start.
 */
export function requirementOf(method: DescMethod): Requirement {
  const name = `${method.parent.typeName}/${method.name}`;
  const option = hasOption(method, requires) ? getOption(method, requires) : undefined;
  if (option === undefined || option.verb === Verb.UNSPECIFIED) {
    throw new TypeError(`${name} declares no (cos.auth.v1.requires): say what it asks of its caller`);
  }
  const path = option.moduleField === "" ? undefined : pathOf(method, option.moduleField, name);
  if (path !== undefined && option.anywhere) {
    throw new TypeError(`${name}: (cos.auth.v1.requires) has either module_field or anywhere`);
  }
  const asksMore = option.only.length > 0 || option.servicesOnly || path !== undefined || option.anywhere;
  if (option.verb === Verb.PUBLIC && asksMore) {
    throw new TypeError(`${name}: what is PUBLIC asks nothing else of its caller`);
  }
  return { judgeCaller: (access) => judgeCaller(option, access), judgeRequest: judgeModules(option, path) };
}

/** Of everybody who is let in. For services whose contracts are not ours: reflection. */
export const OPEN_TO_ALL_CALLERS: Requirement = { judgeCaller: () => {}, judgeRequest: () => {} };

function judgeCaller({ verb, moduleField, anywhere, only, servicesOnly }: Requires, access: Access): void {
  const { principal, grants } = access;
  if (verb === Verb.PUBLIC) return;
  if (servicesOnly && !isFromService(access)) throw servicesOnlyRefused();
  if (only.length > 0 && !only.includes(principal.kind)) throw kindRefused();
  if (moduleField !== "") return;
  const held = anywhere ? verbAnywhere(grants) : verbIn(grants, EVERY_MODULE);
  // Who may read nothing at all, reads nothing: an empty list, not a refusal.
  if (held < verb && !(anywhere && verb === Verb.READ))
    throw rightMissing(verb, anywhere ? "in some module" : "in all modules");
}

/** Whether a service of the mesh calls, on somebody's behalf or for itself: it signs its calls, which no principal's token can say. */
function isFromService({ via }: Access): boolean {
  return via !== undefined;
}

/**
 * The check of the modules that a request names. Reading is left to the scope, which is part of every query: what may not be read
 * is then missing in the same words as what does not exist.
 */
function judgeModules({ verb }: Requires, path: readonly DescField[] | undefined): Requirement["judgeRequest"] {
  if (path === undefined || verb <= Verb.READ) return () => {};
  return (access, request) => {
    if (verbIn(access.grants, EVERY_MODULE) >= verb) return;
    for (const { module, field } of modulesAt(request, path, "")) {
      judgeRight(access, verb, module, [{ field, description: "must be a registered module" }]);
    }
  };
}

/** The modules that a request names, each with the path at which it does; where it could name one and does not: the default. */
function* modulesAt(
  message: Message | undefined,
  [field, ...rest]: readonly DescField[],
  prefix: string,
): Generator<{ module: string; field: string }> {
  const { localName, name, fieldKind } = field as DescField;
  const value = (message as unknown as Record<string, unknown> | undefined)?.[localName];
  if (rest.length === 0) {
    yield { module: (value as string | undefined) || DEFAULT_MODULE, field: prefix + name };
  } else if (fieldKind === "list") {
    const items = (value as Message[] | undefined) ?? [];
    for (const [n, item] of items.entries()) yield* modulesAt(item, rest, `${prefix}${name}[${n}].`);
  } else {
    yield* modulesAt(value as Message | undefined, rest, `${prefix}${name}.`);
  }
}

/** The fields of a path of names: messages, or lists of them, and last a string. None may be of a oneof. */
function pathOf(method: DescMethod, path: string, name: string): DescField[] {
  const fields: DescField[] = [];
  let desc: DescMessage | undefined = method.input;
  for (const part of path.split(".")) {
    const field: DescField | undefined = desc?.fields.find((candidate) => candidate.name === part);
    if (field === undefined || field.oneof !== undefined)
      throw new TypeError(`${name}: its request has no field ${path}`);
    fields.push(field);
    desc = field.fieldKind === "message" || field.fieldKind === "list" ? field.message : undefined;
  }
  if (fields.at(-1)?.scalar !== ScalarType.STRING || fields.at(-1)?.fieldKind !== "scalar") {
    throw new TypeError(`${name}: ${path} is no string`);
  }
  return fields;
}
