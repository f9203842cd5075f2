/**
 * Priorities of tasks that wait for a worker: the lower number first, those of the same number in the order in which they
 * came. A task without one has 3. The activities of a workflow have the workflow's, unless they have their own.
 * Temporal ignores them without `matching.useNewMatcher` (docs/operations.md). Replay does not compare them.
 */
export const PRIORITIES = {
  /** The watch, deletions and revocations, and orders for a certificate in use that expires soon or is gone. */
  urgent: { priorityKey: 1 },
  /** What an order under way needs: it is completed before another one is placed. */
  orderUnderWay: { priorityKey: 2 },
  /** The placement of an order that renews; what has no priority of its own. */
  renewal: { priorityKey: 3 },
  /** The placement of any other order. */
  newOrder: { priorityKey: 4 },
  /** The first look at a cluster, after which it places an order. */
  firstObservation: { priorityKey: 5 },
} as const;

/**
 * By what a cluster's workflow shares a worker with others: among waiting tasks of one priority, each namespace has the same share.
 * Activities and orders have their workflow's. Temporal ignores it without `matching.enableFairness`. At most 64 bytes.
 */
export function fairnessOf({ namespace }: { readonly namespace: string }): { readonly fairnessKey: string } {
  return { fairnessKey: namespace };
}
