import { describe, expect, test } from "@jest/globals";
import { networkOf, PeerBuckets } from "#shared/identity/peer-buckets.ts";

describe("the buckets of peers", () => {
  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:db8::6", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
  ])("P1: %s is of %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test("P2: of too many peers the one that asked for nothing for longest is forgotten", () => {
    const buckets = new PeerBuckets(1, 2);
    const taken = ["a", "b", "a", "c", "a", "b"].map((peer) => buckets.take(peer));
    expect(taken).toEqual([true, true, false, true, false, true]);
  });
});
