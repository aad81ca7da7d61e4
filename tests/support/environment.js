import { join } from "node:path";
import { TestEnvironment } from "jest-environment-node";

/** Where the child processes of a run with `--coverage` leave what V8 counted. */
export const childCoverageDirectory = (globalConfig) => join(globalConfig.coverageDirectory, "children");

/**
 * Jest's Node environment, whose tests pass NODE_V8_COVERAGE on to the processes they start. It is set here, inside a
 * worker that runs already: set earlier, the worker would write its own coverage, which Jest collects anyway.
 */
export default class Environment extends TestEnvironment {
  constructor(config, context) {
    if (config.globalConfig.collectCoverage) process.env.NODE_V8_COVERAGE = childCoverageDirectory(config.globalConfig);
    super(config, context);
  }
}
