import { defineConfig } from 'vitest/config';

/** Most of a test's time is waiting for others, on two cores and on twenty. */
const FILES_AT_ONCE = 2;

export default defineConfig({
  test: {
    maxWorkers: FILES_AT_ONCE,
    reporters: ['default', './test/support/counts-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // Property tests compute for a second or two, and longer on a machine that is busy with something else.
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'workflows',
          include: ['test/workflows/**/*.test.ts'],
          testTimeout: 60_000,
          globalSetup: ['./test/support/workflows-global-setup.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'stack',
          include: ['test/stack/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          globalSetup: ['./test/support/stack-global-setup.ts'],
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
