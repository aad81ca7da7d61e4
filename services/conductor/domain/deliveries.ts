import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { AcceptedConsumer } from "./accept-consumer.ts";

/** A consumer as it stands in the database. */
export interface LoadedConsumer {
  readonly settings: AcceptedConsumer;
  /** Another one after each change, and for another consumer of the name. */
  readonly version: string;
  /** Where each module is read up to. */
  readonly places: ReadonlyMap<string, number>;
}

/** A membership that has begun. */
export interface Membership {
  readonly generation: string;
  readonly leaseMs: number;
}

/** Events that were read, to be handed out. */
export interface Take {
  readonly consumer: string;
  readonly generation: string;
  /** Of the consumer, by whose filter it was read. */
  readonly version: string;
  readonly module: string;
  /** Where the reading began, and up to where it went. */
  readonly after: number;
  readonly through: number;
  /** What is wanted of it, ascending, with the key that each has; null: none. */
  readonly positions: readonly number[];
  readonly keys: readonly (bigint | null)[];
}

/** What became of a take. */
export interface Taken {
  /** `taken`; `moved`: somebody else has read on; `lost`: the membership has ended; `paused`; `full`: too much waits already; `changed`: the version is another one. */
  readonly outcome: "taken" | "moved" | "lost" | "paused" | "full" | "changed";
  /** What the member was given. */
  readonly given: readonly number[];
  /** Where the place is now. */
  readonly readThrough: number;
  /** How many events the consumer's members hold, and how many of them there are that are not settled, held or not. */
  readonly held: number;
  readonly unsettled: number;
}

/** An event that waited, and was given to a member. */
export interface Claimed {
  readonly module: string;
  readonly position: number;
  readonly attempt: number;
}

export interface Settlement {
  readonly consumer: string;
  readonly generation: string;
  readonly module: string;
  readonly positions: readonly bigint[];
  readonly outcome: "ack" | "retry" | "park" | "release";
  /** With retry; undefined: by the consumer's backoff. */
  readonly delayMs: number | undefined;
  readonly error: string;
}

/** A consumer that somebody should look after. */
export interface Attention {
  readonly consumer: string;
  /** Its settings or places were changed, or it is gone. */
  readonly changed: boolean;
  /** A lease or an acknowledgement deadline has run out. */
  readonly late: boolean;
  /** Something waits that may be handed out, unless its key is held. */
  readonly waits: boolean;
}

/** The work of consumers in the database (store/migrations/consumers.sql says what holds); each call is one statement. */
export interface Deliveries {
  /** Undefined: there is no such consumer. */
  load(consumer: string): Promise<LoadedConsumer | undefined>;
  /** Undefined: there is no such consumer. */
  join(consumer: string, member: string, principal: string): Promise<Membership | undefined>;
  leave(consumer: string, generation: string, lost: boolean): Promise<void>;
  /** Renews leases, of a principal's memberships alone where one is named; answers the memberships that still are. */
  renew(members: readonly { consumer: string; generation: string }[], principal?: string): Promise<ReadonlySet<string>>;
  /** Why a membership is none any more: its consumer is gone, another of its name has joined, or its lease had run out. */
  whyLost(consumer: string, member: string): Promise<"gone" | "replaced" | "lost">;
  take(take: Take): Promise<Taken>;
  claim(consumer: string, generation: string, want: number): Promise<Claimed[]>;
  /** Answers the positions that the membership does not hold. */
  settle(settlement: Settlement): Promise<bigint[]>;
  /** Of these consumers, those that need it; each with the version that is known. */
  attention(consumers: readonly { consumer: string; version: string }[]): Promise<Attention[]>;
  /** How many events each of these memberships holds. */
  heldBy(members: readonly { consumer: string; generation: string }[]): Promise<ReadonlyMap<string, number>>;
  /** Answers the memberships that it ended. */
  expire(consumer: string): Promise<string[]>;
  /** The events at these places, in that order. */
  eventsAt(places: readonly Claimed[]): Promise<Event[]>;
}
