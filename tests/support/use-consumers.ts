// A running conductor of the test file's own, with consumers.
import { afterAll, beforeAll } from "@jest/globals";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { type Mesh, type MeshClient, openMesh } from "./mesh.ts";
import { eventually } from "./mesh-wait.ts";

export const positionsOf = (given: readonly { position: number }[]): number[] => given.map(({ position }) => position);

/** Opens the mesh before the tests of the file, and ends it after them. */
export function useConsumers() {
  let mesh: Mesh;
  let client: MeshClient;
  beforeAll(async () => {
    mesh = await openMesh();
    client = mesh.client();
  });
  afterAll(() => mesh?.stop());

  let names = 0;
  /** A module and a consumer of it, of one name. */
  async function openConsumer(consumer: object = {}, start: object = {}): Promise<string> {
    names += 1;
    const name = `c${names}`;
    await client.modules.registerModule({ module: { name } });
    await client.highway.createConsumer({
      consumer: { name, modules: [name], key: Consumer_Key.SESSION, ...consumer },
      ...start,
    });
    return name;
  }

  async function record(module: string, sessions: readonly string[]): Promise<void> {
    for (const sessionId of sessions)
      await client.conductor.recordMemory({
        memory: { module, eventType: "note", source: "test", sessionId, text: sessionId },
      });
  }

  async function statusOf(name: string) {
    return (await client.highway.getConsumer({ name })).status!;
  }

  /** Waits until everything that was recorded is settled. */
  const isDone = (name: string, limitMs = 15_000): Promise<void> =>
    eventually(async () => {
      const { places, inFlight } = await statusOf(name);
      return inFlight === 0n && places.every(({ settled, head }) => settled!.position === head);
    }, limitMs);

  return { mesh: () => mesh, client: () => client, openConsumer, record, statusOf, isDone };
}
