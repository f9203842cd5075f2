/** The `patched` markers that workflows ask for; `src/contract/patches.ts` lists them all. */

/**
 * Runs that were begun before the whole life was built (expiry told in the middle of a sleep, rules and one limit for the end,
 * looking while held, the limit on the exact set) go on as they were until they continue as new.
 */
export const WHOLE_LIFE = 'whole-life';
