import { isAlive } from "./is-alive.ts";
import type { ManagedProcess } from "./managed-process.ts";
import type { StopPlan } from "./stop-processes.ts";

/** What runs now and would have to be stopped. */
export interface ProcessRegister {
  /** Until the process is gone: its number may then belong to a stranger. */
  add(process: ManagedProcess): void;
  plans(): StopPlan[];
}

/** An empty register; `onChange` hears of every change. */
export function makeRegister(onChange: (plans: readonly StopPlan[]) => void): ProcessRegister {
  const known = new Map<number, StopPlan>();
  const plans = () => [...known.values()].filter(({ pid }) => isAlive(pid));
  return {
    add({ name, pid, rank, signal, graceMs, forceSignal, gone }) {
      known.set(pid, { name, pid, rank, signal, graceMs, forceSignal });
      onChange(plans());
      void gone.then(() => {
        known.delete(pid);
        onChange(plans());
      });
    },
    plans,
  };
}
