/**
 * Bounds of waits for what must happen. They end a wait that would last for ever, and fail no test on a slow machine: how long
 * something takes is compared, where it matters, with something else of the same run.
 */

export const WAIT_TIMEOUT_SECONDS = 300;
export const WAIT_TIMEOUT_MS = WAIT_TIMEOUT_SECONDS * 1000;

/** Of a test or a hook as a whole: a wait inside it ends before, and says what it waited for. */
export const TEST_TIMEOUT_MS = 3 * WAIT_TIMEOUT_MS;
