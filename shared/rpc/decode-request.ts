import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";

/** Bytes that are not the message: what a decoder gives instead of throwing, because grpc-js would answer INTERNAL. */
export class Malformed {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** A decoder for grpc-js that never throws. */
export function requestDecoder(desc: DescMessage): (bytes: Uint8Array) => MessageShape<DescMessage> | Malformed {
  return (bytes) => {
    try {
      return fromBinary(desc, bytes);
    } catch (error) {
      return new Malformed(error);
    }
  };
}
