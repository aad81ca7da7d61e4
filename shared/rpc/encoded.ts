/** A message of a method's answer, already in its protobuf bytes: encoded once, sent to any number of callers. */
export interface Encoded {
  readonly encoded: Uint8Array;
}

/** Whether a handler gave bytes instead of a message. (No message of ours has a field of that name.) */
export function isEncoded(value: object): value is Encoded {
  return "encoded" in value && value.encoded instanceof Uint8Array;
}
