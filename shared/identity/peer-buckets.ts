import { isIPv6 } from "node:net";
import { Bucket } from "./bucket.ts";

/**
 * What each peer may still ask for, by its address.
 *
 * Purpose: what one address does to excess is not paid for by the others.
 * Owner: the look-ups of tokens.
 *
 *  P1. Peers are told apart by what one subscriber of a network is given: an IPv4 address, or an IPv6 network of /64.
 *  P2. At most `peersMax` are remembered; the one that asked for nothing for longest goes first, and begins with a full bucket again.
 *
 * Failure: more than `peersMax` peers at once are held by the common bound alone.
 */
export class PeerBuckets {
  readonly #perSecondMax: number;
  readonly #peersMax: number;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecondMax: number, peersMax: number) {
    this.#perSecondMax = perSecondMax;
    this.#peersMax = peersMax;
  }

  /** Takes one from the bucket of an address; false: it is empty. */
  take(address: string): boolean {
    const network = networkOf(address);
    const bucket = this.#buckets.get(network) ?? new Bucket(this.#perSecondMax);
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    if (this.#buckets.size > this.#peersMax) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest as string);
    }
    return bucket.take();
  }
}

/** An IPv4 address, however it is written, or the first 64 bits of an IPv6 one; what is neither stands for itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+[.]\d+[.]\d+[.]\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] as string;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  return `${[...before, ...Array(gap).fill("0"), ...after].slice(0, 4).join(":")}::/64`.toLowerCase();
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":");
}
