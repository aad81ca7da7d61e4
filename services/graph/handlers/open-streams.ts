import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { accessChanged } from "#shared/auth/refusals.ts";
import { mayRead } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";

/** How a stream ends of our accord: what its last frame says, and the status that follows. */
export interface Ending {
  readonly reason: GoAway_Reason;
  readonly error: CosError;
}

/** One stream that goes on for ever, or for long, unless somebody ends it. */
export interface OpenStream {
  /** Why it has to end; undefined: it may go on. */
  readonly ending: Ending | undefined;
  /** Fires with the ending, or with the caller's own signal. */
  readonly signal: AbortSignal;
  close(): void;
}

interface Listening {
  readonly access: Access;
  readonly signal: AbortSignal;
  /** The module that it tells of; unset: none. It ends when the caller may not read it any more. */
  readonly module?: string;
  /** And cannot be resumed: its age does not end it. */
  readonly endsByItself?: boolean;
}

/** The open streams of a process, to be ended when it goes away. */
export class OpenStreams {
  readonly #enders = new Set<(ending: Ending) => void>();
  readonly #ageMaxMs: number;
  #isDraining = false;

  /** How old a stream may become, in milliseconds; 0: as old as it likes. */
  constructor({ ageMaxMs }: { readonly ageMaxMs: number }) {
    this.#ageMaxMs = ageMaxMs;
  }

  open({ access, signal, module, endsByItself = false }: Listening): OpenStream {
    const over = new AbortController();
    let ending: Ending | undefined;
    const end = (why: Ending): void => {
      ending ??= why;
      over.abort();
    };
    const ages = this.#ageMaxMs > 0 && !endsByItself;
    const age = ages ? setTimeout(() => end(tooOld()), this.#ageMaxMs) : undefined;
    this.#enders.add(end);
    const look = (): void => {
      if (module !== undefined && !mayRead(access.scope, module)) end(accessLost(accessChanged()));
    };
    const unwatch = access.watch({ ended: (error) => end(accessLost(error)), changed: look });
    if (this.#isDraining) end(draining());
    return {
      get ending() {
        return ending;
      },
      signal: AbortSignal.any([signal, over.signal]),
      close: () => {
        clearTimeout(age);
        unwatch();
        this.#enders.delete(end);
      },
    };
  }

  /** Ends all of them; those that come later end at once. */
  drain(): void {
    this.#isDraining = true;
    for (const end of this.#enders) end(draining());
  }
}

function draining(): Ending {
  return goAway(GoAway_Reason.DRAINING, "the process is going away; resume elsewhere");
}

function tooOld(): Ending {
  return goAway(GoAway_Reason.CONNECTION_AGE, "the stream is old enough; resume it on a new connection");
}

function goAway(reason: GoAway_Reason, message: string): Ending {
  return { reason, error: new CosError(ErrorReason.DRAINING, message) };
}

function accessLost(error: CosError): Ending {
  return { reason: GoAway_Reason.ACCESS_CHANGED, error };
}
