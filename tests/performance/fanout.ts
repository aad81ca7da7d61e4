import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { medianOf } from "./quantiles.ts";
import { recordSteadily } from "./record-steadily.ts";
import { SAMPLE_TEXT } from "./sample-request.ts";
import { answerOf } from "./start-child.ts";

const MODULE = "fanout_bench";
const PER_SECOND = 200;
const CROWDS = [0, 1, 100] as const;
/** For the last frames to be sent. */
const SETTLE_MS = 500;

/** What an event costs the conductor by the number of those who listen, in CPU. */
export const fanout: Bench = async (rig, { rounds, seconds }) => {
  await rig.modules.registerModule({ module: { name: MODULE } });
  const turns = new Map<number, Turn[]>(CROWDS.map((crowd) => [crowd, []]));
  await takeTurn(rig, 1, seconds);
  for (let round = 0; round < rounds; round += 1) {
    for (const crowd of CROWDS) turns.get(crowd)?.push(await takeTurn(rig, crowd, seconds));
  }
  const figures = CROWDS.map((crowd) => ({ crowd, ...medianOf(turns.get(crowd) ?? []) }));
  const [none, one, many] = figures.map(({ eventUs }) => eventUs) as [number, number, number];
  return {
    title: `the conductor's CPU for an event, at ${PER_SECOND} recorded per s; medians of the rounds`,
    columns: ["subscribers", "us an event", "us more for each subscriber", "frames"],
    rows: [
      ["0, recording alone", none, "", 0],
      ["1", one, one - none, figures[1]?.frames ?? 0],
      ["100", many, (many - one) / 99, figures[2]?.frames ?? 0],
    ],
    goals: [],
  };
};

interface Turn {
  readonly eventUs: number;
  readonly frames: number;
}

async function takeTurn(rig: Rig, subscribers: number, seconds: number): Promise<Turn> {
  const crowd = subscribers === 0 ? undefined : await rig.start("crowd.ts", rig.address, MODULE, String(subscribers));
  const cpuBefore = rig.cpuMs.conductor();
  const plan = { module: MODULE, perSecond: PER_SECOND, seconds, textOf: () => SAMPLE_TEXT };
  const { count } = await recordSteadily(rig, plan);
  await sleep(SETTLE_MS);
  const eventUs = ((rig.cpuMs.conductor() - cpuBefore) * 1_000) / count;
  if (crowd === undefined) return { eventUs, frames: 0 };
  crowd.send("count");
  const frames = await answerOf<number>(crowd);
  crowd.kill();
  return { eventUs, frames };
}
