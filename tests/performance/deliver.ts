import type { Bench } from "./bench.ts";
import { latencyOf, medianOf } from "./quantiles.ts";
import { recordSteadily } from "./record-steadily.ts";
import { answerOf } from "./start-child.ts";

const MODULE = "deliver_bench";
const PER_SECOND = 500;

/** From the call that records to the event in a subscriber's hands, in another process, at a steady rate. */
export const deliver: Bench = async (rig, { rounds, seconds }) => {
  await rig.modules.registerModule({ module: { name: MODULE } });
  const listener = await rig.start("listener.ts", rig.address, MODULE);
  const turn = async () => {
    const textOf = () => String(process.hrtime.bigint());
    const { count, acknowledgedMs } = await recordSteadily(rig, {
      module: MODULE,
      perSecond: PER_SECOND,
      seconds,
      textOf,
    });
    listener.send(count);
    const ages = await answerOf<number[]>(listener);
    const [delivered, acknowledged] = [latencyOf(ages), latencyOf(acknowledgedMs)];
    return { ...delivered, ackP50Ms: acknowledged.p50Ms, ackP99Ms: acknowledged.p99Ms, perSecond: count / seconds };
  };
  await turn();
  const turns = [];
  for (let round = 0; round < rounds; round += 1) turns.push(await turn());
  const { p50Ms, p99Ms, ackP50Ms, ackP99Ms, perSecond } = medianOf(turns);
  return {
    title: `record -> subscriber in another process, at ${Math.round(perSecond)} per s; medians of the rounds`,
    columns: ["", "p50 ms", "p99 ms"],
    rows: [
      ["call -> acknowledged", ackP50Ms, ackP99Ms],
      ["call -> subscriber", p50Ms, p99Ms],
    ],
    goals: [
      { goal: "call -> subscriber p50", measured: p50Ms, limit: 2, bound: "at most", unit: " ms" },
      { goal: "call -> subscriber p99", measured: p99Ms, limit: 5, bound: "at most", unit: " ms" },
    ],
  };
};
