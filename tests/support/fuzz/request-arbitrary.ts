import { clearField, clone, type DescMethod, fromJson, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc, { type Arbitrary } from "fast-check";
import { GRAPH_TABLE } from "../authorisation/graph-table.ts";
import { TABLE } from "../authorisation/table.ts";
import { damagedBytes } from "./bytes-arbitrary.ts";
import { damagedJson, jsonArbitrary } from "./json-arbitrary.ts";
import { messageArbitrary } from "./message-arbitrary.ts";

/**
 * The bodies that one RPC is sent. Whatever is made of hostile values alone is mostly refused for its first field; so others are good
 * requests (those of the authorisation matrix) with a few hostile values, which get as far as the handlers and the database.
 */
export function requestArbitrary(method: DescMethod, format: "binary" | "JSON"): Arbitrary<Uint8Array> {
  const { input } = method;
  const near = nearlyGood(method);
  if (format === "binary") {
    const hostile = messageArbitrary(input).map((message) => toBinary(input, message));
    const good = near.map((message) => toBinary(input, message));
    return weighted(hostile, good, damagedBytes(good));
  }
  const good = near.map((message) => jsonOf(method, message));
  return weighted(jsonArbitrary(input), good, damagedJson(good)).map((text) => Buffer.from(text));
}

const weighted = <T>(hostile: Arbitrary<T>, good: Arbitrary<T>, damaged: Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: hostile }, { weight: 4, arbitrary: good }, { weight: 3, arbitrary: damaged });

/** A good request, into which some fields of a hostile one are put. */
function nearlyGood({ parent, name, input }: DescMethod): Arbitrary<Message> {
  const path = `${parent.typeName}/${name}`;
  const row = TABLE[path] ?? GRAPH_TABLE[path];
  if (row === undefined) throw new Error(`no good request for ${path}`);
  // Few of the bits are set, so that most of what is good stays.
  const bits = fc.tuple(fc.integer(), fc.integer(), fc.integer()).map(([a, b, c]) => a & b & c);
  return fc.record({ n: fc.nat(1_000_000), hostile: messageArbitrary(input), bits }).map(({ n, hostile, bits }) => {
    const good = fromJson(input, row.request(n));
    graft(reflect(input, good), reflect(input, clone(input, hostile)), bits);
    return good;
  });
}

/** Takes over those fields whose bits are set; of messages that both have, and first items of lists, the fields within. */
function graft(onto: ReflectMessage, from: ReflectMessage, bits: number): void {
  for (const [n, field] of onto.fields.entries()) {
    const [mine, theirs] = [messageIn(onto, n), messageIn(from, n)];
    if (mine !== undefined && theirs !== undefined) graft(mine, theirs, rotate(bits, n + 1));
    else if (((bits >>> (n % 32)) & 1) === 0) continue;
    else if (from.isSet(field)) onto.set(field, from.get(field));
    else clearField(onto.message, field);
  }
}

function messageIn(message: ReflectMessage, n: number): ReflectMessage | undefined {
  const field = message.fields[n];
  if (field === undefined || !message.isSet(field)) return undefined;
  if (field.fieldKind === "message") return message.get(field);
  if (field.fieldKind === "list" && field.listKind === "message") return message.get(field).get(0) as ReflectMessage;
  return undefined;
}

const rotate = (bits: number, by: number) => (bits << (by % 32)) | (bits >>> ((32 - (by % 32)) % 32));

/** Some values have no JSON; `{}` stands for them. */
function jsonOf({ input }: DescMethod, message: Message): string {
  try {
    return toJsonString(input, message);
  } catch {
    return "{}";
  }
}
