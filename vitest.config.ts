import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/vitest/longest-first.ts';
import { TEST_TIMEOUT_MS, WAIT_TIMEOUT_MS } from './test/support/vitest/timeouts.ts';

/** Most of a test's time is waiting for others, on two cores and on twenty. */
const FILES_AT_ONCE = 4;

/** No test is bounded more tightly than this: none depends on the speed of the machine. */
const limits = {
  testTimeout: TEST_TIMEOUT_MS,
  hookTimeout: TEST_TIMEOUT_MS,
  expect: { poll: { timeout: WAIT_TIMEOUT_MS } },
} as const;

export default defineConfig({
  test: {
    maxWorkers: FILES_AT_ONCE,
    reporters: ['default', './test/support/vitest/counts-reporter.ts'],
    teardownTimeout: TEST_TIMEOUT_MS,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...limits,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...limits,
          name: 'workflows',
          include: ['test/workflows/**/*.test.ts'],
          globalSetup: ['./test/support/vitest/workflows-global-setup.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...limits,
          name: 'stack',
          include: ['test/stack/**/*.test.ts'],
          globalSetup: ['./test/support/vitest/stack-global-setup.ts'],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
