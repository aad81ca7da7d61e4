import { type Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";

/** The memory as a view shows it: BASIC leaves out text, payload and prompt trace. The memory given is not changed. */
export function inView(memory: Memory, view: MemoryView): Memory {
  if (view !== MemoryView.BASIC) return memory;
  const { payload: _, promptTrace: __, ...rest } = memory;
  return { ...rest, text: "" };
}
