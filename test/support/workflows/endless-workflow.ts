/** Workflows for tests of what the worker does with one that does not return. */

/** Never returns, and never waits. */
export async function endless(): Promise<void> {
  for (;;);
}

/** Returns at once. */
export async function prompt(): Promise<void> {}
