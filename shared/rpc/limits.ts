/** How much a server takes from a caller; every one may be set in `openServer`. */
export interface RpcLimits {
  /** The largest message taken, after decompression too. */
  readonly messageBytesMax: number;
  /** The deadline of a unary call that has none. */
  readonly defaultDeadlineMs: number;
  /** The longest deadline granted; a longer one is cut to it. */
  readonly deadlineMaxMs: number;
  /** Streams that one HTTP/2 connection may have open at once. */
  readonly connectionStreamsMax: number;
  /** How long a connection without a call stays. */
  readonly connectionIdleMs: number;
  /** How long a connection stays at most, so that new replicas get their share; Infinity: for ever. */
  readonly connectionAgeMaxMs: number;
  /** How long calls may go on after a connection has reached its age, beyond an age of their own of the same length. */
  readonly connectionAgeGraceMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** HTTP/1.1: until the headers are there, until the whole request is, and how often that is looked at. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly requestCheckIntervalMs: number;
  readonly headersBytesMax: number;
  /** How long a connection may take to show which protocol it speaks. */
  readonly sniffTimeoutMs: number;
  /** TLS: how long a handshake may take. */
  readonly handshakeTimeoutMs: number;
  /** TLS: how often the files of the certificates are looked at. */
  readonly certificateReadIntervalMs: number;
  readonly connectionsMax: number;
  /** A stream whose peer takes nothing for so long is ended. */
  readonly stallTimeoutMs: number;
  /** How long a stream of answers may take to say goodbye to a caller whose access has ended; its handler sends the last frame. */
  readonly farewellMs: number;
  /** How many log lines there are about callers that were not let in, within how long. */
  readonly strangerLinesMax: number;
  readonly strangerLinesIntervalMs: number;
  /** What a stream may have sent without its peer taking it; a single message may be larger. */
  readonly unsentBytesMax: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

export const DEFAULT_LIMITS: RpcLimits = Object.freeze({
  messageBytesMax: 4 * 1024 * 1024,
  defaultDeadlineMs: 30 * SECOND_MS,
  deadlineMaxMs: 60 * MINUTE_MS,
  connectionStreamsMax: 100,
  connectionIdleMs: 5 * MINUTE_MS,
  connectionAgeMaxMs: Number.POSITIVE_INFINITY,
  connectionAgeGraceMs: 30 * SECOND_MS,
  keepaliveIntervalMs: 30 * SECOND_MS,
  keepaliveTimeoutMs: 10 * SECOND_MS,
  headersTimeoutMs: 10 * SECOND_MS,
  requestTimeoutMs: 30 * SECOND_MS,
  requestCheckIntervalMs: 2 * SECOND_MS,
  headersBytesMax: 16 * 1024,
  sniffTimeoutMs: 5 * SECOND_MS,
  handshakeTimeoutMs: 5 * SECOND_MS,
  certificateReadIntervalMs: 10 * SECOND_MS,
  connectionsMax: 2_000,
  stallTimeoutMs: 5 * MINUTE_MS,
  farewellMs: SECOND_MS,
  strangerLinesMax: 20,
  strangerLinesIntervalMs: SECOND_MS,
  unsentBytesMax: 256 * 1024,
});
