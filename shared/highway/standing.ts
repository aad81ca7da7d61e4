/**
 * Where one stream stands in each of its modules, and what its client was told of that.
 *
 * Owner: the subscription, which alone moves it.
 *
 *  U1. A module stands at `scanned`: everything up to there was sent or is not wanted. `named` is where the client was
 *      last told that it stands; `named <= scanned`, and every frame that moves it says `after = named` (law 3).
 *  U2. `live` is what the client was told: CaughtUp when the module comes to its ring's head, FellBehind when it drops out
 *      of the ring's window.
 *  U3. Modules with something to send take turns, a frame each.
 */

import { create } from "@bufbuild/protobuf";
import {
  type Cursor,
  CursorSchema,
  FellBehind_Reason,
  type Progress,
  ProgressSchema,
} from "#gen/cos/highway/v1/highway_pb.ts";
import type { EpochRecord } from "./log-port.ts";
import type { StartPlace } from "./resolve-start.ts";
import { packPlaces } from "./resume-places.ts";
import { encodeResumeToken } from "./resume-token.ts";
import type { Ring } from "./ring.ts";
import type { RingListener } from "./rings.ts";

/** What a stream's places need of the hub. */
export interface PlaceHost {
  readonly epoch: EpochRecord;
  /** Opens or joins the module's ring. */
  attach(module: string, position: number, listener: RingListener): Ring;
  detach(module: string, listener: RingListener): void;
  /** The module's last position, as far as it is known here. */
  headOf(module: string): number;
  /** The highest module number known here. */
  known(): number;
}

export interface Place {
  readonly module: string;
  readonly number: number;
  readonly ring: Ring;
  readonly listener: RingListener;
  named: number;
  scanned: number;
  /** The head that the client was last told of, or can tell from where it stands. */
  toldHead: number;
  live: boolean;
  /** The ring's resets when the place was last inside its window. */
  resets: number;
}

export class Standing {
  /** How many modules are not live. */
  behind = 0;
  /** Live since the client was last told which are. */
  readonly caughtUp = new Set<Place>();
  /** Registered or granted since the client was last told of its modules. */
  readonly joined = new Set<Place>();
  readonly #host: PlaceHost;
  readonly #onReady: () => void;
  readonly #places = new Map<string, Place>();
  readonly #ready = new Set<Place>();
  /** The places of the token that the client was last given; tokens themselves never repeat. */
  #toldPlaces: Buffer | undefined;
  #open = true;

  /** `onReady` is called when a module has something to send. */
  constructor(host: PlaceHost, places: readonly StartPlace[], onReady: () => void) {
    this.#host = host;
    this.#onReady = onReady;
    for (const place of places) {
      this.#seat(place);
    }
  }

  get places(): Place[] {
    return [...this.#places.values()];
  }

  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** The modules' names. */
  get modules(): Iterable<string> {
    return this.#places.keys();
  }

  has(module: string): boolean {
    return this.#places.has(module);
  }

  /** Adds a module that was registered or granted meanwhile; one that is here already changes nothing. */
  join(place: StartPlace): void {
    if (this.#open && !this.#places.has(place.module)) {
      this.joined.add(this.#seat(place));
      this.#onReady();
    }
  }

  /** Lets go of the rings. */
  release(): void {
    this.#open = false;
    for (const { module, listener } of this.#places.values()) {
      this.#host.detach(module, listener);
    }
  }

  /** Those with something to send, in the order of their turns (U3). */
  turns(): Place[] {
    return [...this.#ready];
  }

  /** Its next turn comes after everybody else's. */
  endTurn(place: Place): void {
    this.#ready.delete(place);
    this.#ready.add(place);
  }

  /** U2: at its ring's head it has nothing to send, and is live, which the client is told once. True if it is there. */
  restAtHead(place: Place): boolean {
    if (place.scanned < place.ring.high) {
      return false;
    }
    this.#ready.delete(place);
    if (!place.live) {
      place.live = true;
      this.behind -= 1;
      this.caughtUp.add(place);
    }
    return true;
  }

  /** U2: it has dropped out of its ring's window; why, if the client does not know yet. */
  fallBehind(place: Place): FellBehind_Reason | undefined {
    if (!place.live) {
      return undefined;
    }
    place.live = false;
    this.behind += 1;
    this.caughtUp.delete(place);
    return place.ring.resets > place.resets ? FellBehind_Reason.HIGHWAY_REBUILT : FellBehind_Reason.SLOW_SUBSCRIBER;
  }

  /** Everything up to there was sent by a frame that names it, or was not wanted by the filter. */
  move(place: Place, through: number, named: boolean): void {
    place.scanned = through;
    if (named) {
      place.named = through;
      place.toldHead = Math.max(place.toldHead, through);
    }
  }

  /** Whether any module stands where the client was not told. */
  hasUnnamed(places: Iterable<Place> = this.#places.values()): boolean {
    return [...places].some(({ scanned, named }) => scanned > named);
  }

  /** The modules of which there is news for the client. */
  news(): Place[] {
    return this.places.filter(
      (place) => place.scanned > place.named || this.#headOf(place) > place.toldHead || this.joined.has(place),
    );
  }

  /** Names where the module stands; it counts as told. */
  progress(place: Place): Progress {
    const after = place.named;
    const head = this.#headOf(place);
    place.named = place.scanned;
    place.toldHead = head;
    const cursor = this.cursor(place);
    return create(ProgressSchema, { cursor, after: BigInt(after), head: BigInt(head), floor: 0n, live: place.live });
  }

  /** Where the client was last told that the module stands. */
  cursor({ module, named }: Place): Cursor {
    return create(CursorSchema, { module, position: BigInt(named), epoch: this.#host.epoch.identity });
  }

  /** The whole stream's place, if it is another than the client was last told; else empty. */
  newToken(): string {
    const places = this.places.sort((left, right) => left.number - right.number);
    const packed = packPlaces({
      known: this.#host.known(),
      places: places.map(({ number, scanned }) => ({ number, position: scanned })),
    });
    if (this.#toldPlaces?.equals(packed)) {
      return "";
    }
    this.#toldPlaces = packed;
    return encodeResumeToken(this.#host.epoch, packed);
  }

  #seat({ module, number, position }: StartPlace): Place {
    const head = this.#host.headOf(module);
    const listener = (): void => {
      this.#ready.add(place);
      this.#onReady();
    };
    const ring = this.#host.attach(module, head, listener);
    const place: Place = {
      module,
      number,
      ring,
      listener,
      named: position,
      scanned: position,
      toldHead: head,
      live: false,
      resets: ring.resets,
    };
    this.#places.set(module, place);
    this.#ready.add(place);
    this.behind += 1;
    return place;
  }

  #headOf({ module, ring, scanned }: Place): number {
    return Math.max(this.#host.headOf(module), ring.high, scanned);
  }
}
