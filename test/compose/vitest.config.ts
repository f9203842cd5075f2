/** `npm run test:compose`: docker-compose.yml and the Dockerfile on a Docker engine. Not part of `npm test`, which needs none. */
import { defineConfig } from 'vitest/config';
import { TEST_LIMIT_MS } from '../support/patience.ts';

export default defineConfig({
  test: {
    name: 'compose',
    include: ['test/compose/**/*.test.ts'],
    globalSetup: ['./test/compose/global-setup.ts'],
    reporters: ['default', './test/support/counts-reporter.ts'],
    // The files share one engine, and the first builds the images that the others run.
    fileParallelism: false,
    testTimeout: TEST_LIMIT_MS,
    hookTimeout: TEST_LIMIT_MS,
    // Removing the data of an engine takes its time on a busy disk.
    teardownTimeout: TEST_LIMIT_MS,
    // Each test goes on from where the one before left the stack.
    bail: 1,
  },
});
