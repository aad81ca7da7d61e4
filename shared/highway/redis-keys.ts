/** The stream of a module's latest events. The braces make both keys of a module share a slot of a Cluster. */
export function streamKey(module: string): string {
  return `hw:{${module}}:s`;
}

/** The hash that says how far the stream has come: `generation`, `identity`, `last`, `bytes`, `forgetting`. */
export function placeKey(module: string): string {
  return `hw:{${module}}:h`;
}

/** The channel on which tools that speak only Redis hear a module's events, as protobuf JSON. */
export function hintChannel(module: string): string {
  return `mem0.recorded.${module}`;
}

/** The module of a stream's key. */
export function moduleOfStream(key: string): string {
  return key.slice("hw:{".length, -"}:s".length);
}

/** Written at every look of a sweeper, to see that the server takes writes. */
export const SWEPT_KEY = "hw:swept";
