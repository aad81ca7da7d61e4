import type { FollowState } from "#shared/highway/client/followed.ts";
import type { Standing } from "./model.ts";

/** How the stream stands after what was told of it. */
export function nextStanding(standing: Standing, state: FollowState): Standing {
  switch (state.kind) {
    case "connected":
      // Whoever begins at the end is there at once; whoever goes on has to catch up first, and is told when.
      return { ...standing, connection: state.resumed ? "catching up" : "live", behind: [] };
    case "lost":
      return { ...standing, connection: "reconnecting" };
    case "degraded":
      return { ...standing, degraded: state.degraded };
    case "fell_behind":
      return { ...standing, behind: [...standing.behind.filter((module) => module !== state.module), state.module] };
    case "caught_up": {
      const behind = state.all ? [] : standing.behind.filter((module) => !state.modules.includes(module));
      return { ...standing, connection: state.all ? "live" : standing.connection, behind };
    }
  }
}
