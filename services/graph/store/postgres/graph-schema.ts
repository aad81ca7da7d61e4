/** The PostgreSQL schema that the graph owns. No other service reads or writes it. */
export const graphSchema = "cos_graph";

/**
 * Whatever is read or written here has an index, and is met row by row. Statistics that do not know how a module has grown, and a
 * plan that was made while the tables were empty, would leave it for a scan or a sort of all there is: so one plan is made for
 * each statement, and the other ways are closed to it.
 */
export const plannerSettings = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_sort: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
};
