import { afterEach, describe, expect, test } from "@jest/globals";
import { checkHealth } from "#deploy/local/check-health.ts";
import { closeServed, serve } from "#tests/support/rpc/serve.ts";
import { makeTlsFolder } from "#tests/support/tls-folder.ts";

afterEach(closeServed);

describe("a process is asked for its health", () => {
  test("without TLS", async () => {
    const { port, server } = await serve();
    await expect(checkHealth(`127.0.0.1:${port}`)).resolves.toBe("serving");
    server.health.setAll("NOT_SERVING");
    await expect(checkHealth(`127.0.0.1:${port}`)).resolves.toBe("not serving");
  });

  test("over TLS by its own certificate, whatever name that has; another's is not believed", async () => {
    const [folder, other] = [await makeTlsFolder(), await makeTlsFolder()];
    const named = await folder.makeServer(["cos.example"]);
    await folder.write("server", named);
    const { port } = await serve({}, { tls: folder.files() });
    await expect(checkHealth(`127.0.0.1:${port}`, named.cert)).resolves.toBe("serving");
    await expect(checkHealth(`127.0.0.1:${port}`, (await other.makeServer()).cert)).resolves.toBe("silent");
    await expect(checkHealth(`127.0.0.1:${port}`)).resolves.toBe("silent");
    folder.remove();
    other.remove();
  });
});
