/**
 * Everything that is read here has an index with its order. The planner would leave it, for a sort of all there is, as long as its
 * statistics do not know how a module has grown: "latest first" then took 600 ms instead of 1 at a hundred thousand rows.
 */
export const plannerSettings = { enable_sort: "off", enable_seqscan: "off" };
