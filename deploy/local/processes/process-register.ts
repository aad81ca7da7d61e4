import { isAlive } from "./is-alive.ts";
import type { ManagedProcess } from "./managed-process.ts";
import type { StopPlan } from "./stop-processes.ts";

/** What runs now and would have to be stopped; whoever listens hears of every change. */
export class ProcessRegister {
  readonly #plans = new Map<number, StopPlan>();
  readonly #onChange: (plans: readonly StopPlan[]) => void;

  constructor(onChange: (plans: readonly StopPlan[]) => void) {
    this.#onChange = onChange;
  }

  /** Until the process is gone: its number may then belong to a stranger. */
  add(process: ManagedProcess): void {
    const { name, pid, rank, signal, graceMs, forceSignal } = process;
    this.#plans.set(pid, { name, pid, rank, signal, graceMs, forceSignal });
    this.#onChange(this.plans());
    void process.gone.then(() => {
      this.#plans.delete(pid);
      this.#onChange(this.plans());
    });
  }

  plans(): StopPlan[] {
    return [...this.#plans.values()].filter(({ pid }) => isAlive(pid));
  }
}
