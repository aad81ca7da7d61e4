import { pino } from "pino";
import { type Hub, openHub } from "#shared/highway/hub.ts";
import type { HubSettings } from "#shared/highway/hub-settings.ts";
import type { MemoryLog } from "./memory-log.ts";

/** No Redis at all: everything reaches subscribers from this process' publisher, or from the log. */
const NOWHERE = "redis://127.0.0.1:1";
const FAST: HubSettings = {
  connectWaitMs: 0,
  beatMs: 2,
  streams: { logRetryMs: 5 },
  sweeper: { tickMinMs: 2, tickMaxMs: 4, compareEveryMs: 2 },
  reader: { retryMs: 5 },
};

const hubs: Hub[] = [];

/** A hub over the log, without Redis, and faster than in life. */
export async function openFastHub(port: MemoryLog, settings: HubSettings = {}): Promise<Hub> {
  const merged = { ...FAST, ...settings, streams: { ...FAST.streams, ...settings.streams } };
  const hub = await openHub({ port, redisUrl: NOWHERE, log: pino({ level: "silent" }), settings: merged });
  hubs.push(hub);
  return hub;
}

/** Closes all that were opened since the last call. */
export async function closeHubs(): Promise<void> {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
}

/** Positions above `low`, up to `high`. */
export function range(low: number, high: number): number[] {
  return Array.from({ length: high - low }, (_, index) => low + 1 + index);
}

/** So many memories of the same text. */
export function some(count: number, text = "t"): { text: string }[] {
  return Array.from({ length: count }, () => ({ text }));
}
