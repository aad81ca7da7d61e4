import { CreateGraph } from "./create-graph.ts";

/** The migrations of `cos_graph`, in order. One that has been released is never changed; the next one is added below. */
export const graphMigrations = [{ name: "0001_create_graph", class: CreateGraph }];
