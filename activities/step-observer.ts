/** The steps of an order, after it was placed. */
export const ORDER_STEPS = [
  'publishTxtRecords',
  'verifyPropagation',
  'answerChallenges',
  'finalizeOrder',
  'installCertificate',
] as const;

/** One of {@link ORDER_STEPS}. */
export type OrderStep = (typeof ORDER_STEPS)[number];

/** Learns how long the steps of orders take, for metrics. */
export interface StepObserver {
  /**
   * Called once for each step that succeeded. @param seconds from its begin, which may have been in an earlier attempt; of
   * `publishTxtRecords` from when its activity was scheduled.
   */
  readonly onStep?: ((step: OrderStep, seconds: number) => void) | undefined;
}

/** @param begunAt epoch milliseconds, of whichever worker. */
export function secondsSince(begunAt: number): number {
  return Math.max(0, Date.now() - begunAt) / 1000;
}
