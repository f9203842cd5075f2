/** `npm run test:compose`: docker-compose.yml and the Dockerfile on a Docker engine. Not part of `npm test`, which needs none. */
import { defineConfig } from 'vitest/config';
import { TEST_TIMEOUT_MS } from '../support/vitest/timeouts.ts';

export default defineConfig({
  test: {
    name: 'compose',
    include: ['test/compose/**/*.test.ts'],
    globalSetup: ['./test/compose/global-setup.ts'],
    reporters: ['default', './test/support/vitest/counts-reporter.ts'],
    // The files share one engine, and the first file builds the images for the others.
    fileParallelism: false,
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    // Removing an engine's data takes long on a busy disk.
    teardownTimeout: TEST_TIMEOUT_MS,
    // Each test continues with the state that the previous one left.
    bail: 1,
  },
});
