import { type DescMessage, fromJsonString, type JsonValue } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { findJsonFault } from "./find-json-fault.ts";
import { findLargeStruct } from "./find-large-struct.ts";
import { compileEnumFinder, type EnumFinder } from "./find-unknown-enum.ts";

/** Above it a fault is not traced to its field: the search may parse the text a few times more. */
const TRACED_LENGTH_MAX = 2 * 1024 * 1024;

/**
 * Reads one method's requests in JSON, in the place where Connect lets us stand: it takes a `textDecoder` with its JSON
 * options, and its own parser comes right after.
 *
 * 1. Bytes that are not UTF-8 are refused. (Connect would replace them.)
 * 2. Unknown enum names are refused, and structs that are too large.
 * 3. What the parser refuses after that is explained by `explain`, in the same turn. Streams parse some turns later, when
 *    another request may have been read; for them the parser is asked in advance, since their requests are few.
 */
export class JsonRequest {
  readonly #desc: DescMessage;
  readonly #isStream: boolean;
  readonly #unknownEnum: EnumFinder | undefined;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  #text: string | undefined;

  constructor(desc: DescMessage, isStream: boolean) {
    this.#desc = desc;
    this.#isStream = isStream;
    this.#unknownEnum = compileEnumFinder(desc);
  }

  /** The text of a request's bytes; throws a CosError. */
  decode(bytes: Uint8Array): string {
    const text = this.#toText(bytes);
    const fault = findLargeStruct(this.#desc, text) ?? this.#unknownEnum?.(text);
    if (fault !== undefined) {
      throw invalid(fault);
    }
    if (this.#isStream) {
      this.#tryToParse(text);
    }
    this.#text = text;
    return text;
  }

  /** Why the parser refused the text that was read last; undefined: none was, so something else is at fault. */
  explain(cause: unknown): CosError | undefined {
    const text = this.#text;
    this.#text = undefined;
    return text === undefined ? undefined : explainJson(this.#desc, text, cause);
  }

  /** Lets go of the text that was read last. */
  forget(): void {
    this.#text = undefined;
  }

  #toText(bytes: Uint8Array): string {
    try {
      return this.#utf8.decode(bytes);
    } catch (cause) {
      throw new CosError(ErrorReason.MALFORMED_MESSAGE, "the request is not UTF-8", { cause });
    }
  }

  #tryToParse(text: string): void {
    try {
      fromJsonString(this.#desc, text, { ignoreUnknownFields: true });
    } catch (cause) {
      throw explainJson(this.#desc, text, cause);
    }
  }
}

function explainJson(desc: DescMessage, text: string, cause: unknown): CosError {
  const json = text.length > TRACED_LENGTH_MAX ? undefined : parse(text);
  const fault = json === undefined ? undefined : findJsonFault(desc, json);
  if (fault !== undefined && fault.field !== "") {
    return invalid(fault, cause);
  }
  return new CosError(ErrorReason.MALFORMED_MESSAGE, `the JSON is not a ${desc.typeName}`, { cause });
}

function invalid(fault: FieldFault, cause?: unknown): CosError {
  const message = `${fault.field}: ${fault.description}`;
  return new CosError(ErrorReason.INVALID_FIELD, message, { cause, fields: [fault] });
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
