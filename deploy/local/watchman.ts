import { keepWatch } from "./keep-watch.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
await keepWatch(process.stdin);
