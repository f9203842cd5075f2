/**
 * Bounds of waits for what must happen. They end a wait that would last for ever, and fail no test on a slow machine: how long
 * something takes is compared, where it matters, with something else of the same run.
 */

export const PATIENCE_SECONDS = 300;
export const PATIENCE_MS = PATIENCE_SECONDS * 1000;

/** Of a test or a hook as a whole: a wait inside it ends before, and says what it waited for. */
export const TEST_LIMIT_MS = 3 * PATIENCE_MS;
