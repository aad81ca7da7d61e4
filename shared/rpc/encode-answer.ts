import { create, type DescMessage, isMessage, toBinary } from "@bufbuild/protobuf";
import type { AnyAnswer } from "./bind-service.ts";
import { isEncoded } from "./encoded.ts";

/** The bytes of an answer. Bytes that a handler gave are passed on as they are, neither copied nor checked. */
export function encodeAnswer(desc: DescMessage, answer: AnyAnswer): Buffer {
  const bytes = isEncoded(answer) ? answer.encoded : toBinary(desc, isMessage(answer) ? answer : create(desc, answer));
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
